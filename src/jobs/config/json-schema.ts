/** The schema of the configuration as JSON Schema (2020-12), by which editors complete and check. */
import { z } from 'zod'
import { CONFIG_SCHEMA } from './schema/schema.ts'

export type JsonSchema = {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
}

export function configJsonSchema(): JsonSchema {
  return { title: 'snap.yaml', ...(z.toJSONSchema(CONFIG_SCHEMA) as JsonSchema) } as JsonSchema
}
