/** What somebody who starts a run over the API may say of it, as arguments for `snap backup`. */
import { z } from 'zod'
import { SnapError } from '../../model/errors.ts'

const TEXT = /^[^-,\s][^,\n]{0,127}$/
const text = z.string().regex(TEXT)

const TRIGGER = z.strictObject({
  scope: z.array(text).min(1).max(64).optional(),
  full: z.boolean().optional(),
  label: text.optional(),
  tags: z.array(text).max(64).optional(),
})

/** `USAGE`, with the key, for what cannot be understood, and for categories that are not among `categories`. No text becomes an option: each stands behind an equals sign. */
export function triggerArguments(body: unknown, categories: readonly string[]): string[] {
  if (body === undefined) return []
  const result = TRIGGER.safeParse(body)
  if (!result.success) throw new SnapError('USAGE', whyNot(result.error))
  const { scope = [], full = false, label, tags = [] } = result.data
  const missing = scope.findIndex((category) => !categories.includes(category))
  if (missing !== -1)
    throw new SnapError('USAGE', `scope.${missing}: there is no category "${scope[missing]}"`)
  return [
    ...scope.map((category) => `--scope=${category}`),
    ...(full ? ['--full'] : []),
    ...(label === undefined ? [] : [`--label=${label}`]),
    ...tags.map((tag) => `--tag=${tag}`),
  ]
}

function whyNot({ issues: [issue] }: z.ZodError): string {
  const where = issue?.path.join('.') ?? ''
  if (issue?.code === 'unrecognized_keys') return `the body has a key that is not known: ${issue.keys[0]}`
  return `the body cannot be understood${where === '' ? ': it is to be an object' : ` at ${where}`}`
}
