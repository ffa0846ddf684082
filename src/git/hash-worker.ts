import { parentPort, workerData } from 'node:worker_threads';
import { hashInOneProcess, type HashJob } from './hash-blobs.ts';

/** A thread of {@link hashBlobs}: one git process feeds it, and it answers the hashes of its part. */
const { gitDir, objects } = workerData as HashJob;
parentPort?.postMessage(await hashInOneProcess({ gitDir, objects }));
