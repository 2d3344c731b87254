'use strict';

// The Google plugin (4.6.0) knows no Python after 3.9 and deploys through Deployment Manager, which ended on 2026-03-31.
// This one lets it check and package today's manifest, and keeps everybody from a deployment that cannot work.

const RUNTIMES = ['python311', 'python312', 'python313'];

class ManifestPlugin {
  constructor(serverless) {
    const { configSchemaHandler } = serverless;
    configSchemaHandler.schema.definitions.cloudFunctionRuntime.enum.push(...RUNTIMES);
    configSchemaHandler.defineCustomProperties({
      type: 'object',
      required: ['gcp'],
      properties: {
        gcp: {
          type: 'object',
          required: ['generation', 'buildEnvironment', 'functions', 'queues', 'schedules', 'settings'],
          additionalProperties: false,
          properties: {
            generation: { const: 2 },
            buildEnvironment: { type: 'object' },
            functions: { type: 'object', additionalProperties: FUNCTION },
            queues: { type: 'object', additionalProperties: QUEUE },
            schedules: { type: 'object', additionalProperties: SCHEDULE },
            settings: { type: 'object', additionalProperties: SETTING },
          },
        },
      },
    });
    const refuse = () => {
      throw new serverless.classes.Error(
        'Google ended Deployment Manager, through which this would deploy. Run `terraform apply` in infra/terraform instead (infra/README.md).'
      );
    };
    this.hooks = { 'before:deploy:deploy': refuse, 'before:remove:remove': refuse };
  }
}

const count = { type: 'integer', minimum: 0 };
const seconds = { type: 'string', pattern: '^[0-9.]+s$' };

const strict = (properties, optional = []) => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
  properties,
});

const FUNCTION = strict({
  account: { enum: ['doors', 'worker'] },
  callers: { enum: ['public', 'invoker'] },
  ingress: { enum: ['all', 'internal', 'internal-and-load-balancer'] },
  cpu: { type: 'number', exclusiveMinimum: 0 },
  concurrency: { type: 'integer', minimum: 1, maximum: 1000 },
  minInstances: count,
  maxInstances: { type: 'integer', minimum: 1 },
  relays: { type: 'boolean' },
});

const QUEUE = strict({
  dispatchesPerSecond: { type: 'number', exclusiveMinimum: 0, maximum: 500 },
  concurrentDispatches: { type: 'integer', minimum: 1, maximum: 5000 },
  attempts: { type: 'integer', minimum: -1 },
  minBackoff: seconds,
  maxBackoff: seconds,
  doublings: count,
});

const SCHEDULE = strict({
  function: { type: 'string' },
  cron: { type: 'string' },
  attemptDeadline: seconds,
  attempts: { type: 'integer', minimum: 1 },
});

const SETTING = strict(
  {
    set: { enum: ['terraform', 'secret', 'deployer', 'local'] },
    means: { type: 'string' },
    default: { type: 'string' },
  },
  ['default']
);

module.exports = ManifestPlugin;
