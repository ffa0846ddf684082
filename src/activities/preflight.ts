export interface PreflightCheck { readonly missing: readonly string[]; readonly awaited: { readonly inputs: readonly string[]; readonly answers: readonly string[] } }
