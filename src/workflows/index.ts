/** Every workflow that the worker registers; nothing else may be exported here. */
export { session } from './session.ts';
export { webhookDelivery } from './webhook-delivery.ts';
