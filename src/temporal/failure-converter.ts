import { DefaultFailureConverter } from '@temporalio/common';

/** Puts messages and stacks of failures where the payload codec reaches them. Loaded by its path, in the workflow's sandbox as well. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
