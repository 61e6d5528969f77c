/** The OpenAPI document of the API, made from its operations. */
import type { Operation } from './operations.ts'

const PARAMETER = /\{([a-z]+)\}/g

export function openApiDocument(operations: readonly Operation[], version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    paths[operation.path] ??= {}
    const methods = paths[operation.path]
    if (methods !== undefined) methods[operation.method.toLowerCase()] = operationObject(operation)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'snap daemon', version, description: 'Starts jobs and tells how they do.' },
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    security: [{ token: [] }],
    paths,
  }
}

function operationObject(operation: Operation): unknown {
  const { id, summary, path, query = {}, body, answers, contentType = 'application/json', isOpen } = operation
  const inPath = [...path.matchAll(PARAMETER)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const inQuery = Object.entries(query).map(([name, description]) => ({
    name,
    in: 'query',
    description,
    schema: { type: 'string' },
  }))
  const given = isOpen === true ? answers : { ...answers, 401: 'The token is missing or wrong' }
  const responses = Object.entries(given).map(([status, description]) => [
    status,
    Number(status) < 300
      ? { description, content: { [contentType]: { schema: operation.success ?? {} } } }
      : { description, content: { 'application/json': { schema: ERROR } } },
  ])
  return {
    operationId: id,
    summary,
    ...(isOpen === true ? { security: [] } : {}),
    parameters: [...inPath, ...inQuery],
    ...(body === undefined ? {} : { requestBody: { content: { 'application/json': { schema: body } } } }),
    responses: Object.fromEntries(responses),
  }
}

const ERROR = {
  type: 'object',
  required: ['error', 'message'],
  properties: { error: { type: 'string' }, message: { type: 'string' } },
}
