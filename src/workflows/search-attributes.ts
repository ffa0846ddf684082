/** Names of the search attributes (all of type Keyword); wire contracts, registered at start-up. */
export const searchAttributes = {
  state: 'HoldfastState',
  tenant: 'HoldfastTenant',
  repository: 'HoldfastRepository',
} as const;
