import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode } from '@temporalio/worker';
import { fileURLToPath } from 'node:url';
export const startTemporal = () =>
  TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'existing-path', path: 'temporal' }, extraArgs: ['HoldfastState','HoldfastTenant','HoldfastRepository'].flatMap((n) => ['--search-attribute', n + '=Keyword']) } });
export const workflowBundle = () => bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)) });
