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

/** `USAGE` for what cannot be understood. No text becomes an option: each stands behind an equals sign. */
export function triggerArguments(body: unknown): string[] {
  if (body === undefined) return []
  const result = TRIGGER.safeParse(body)
  if (!result.success) {
    const [issue] = result.error.issues
    const where = issue?.path.join('.') ?? ''
    throw new SnapError('USAGE', `the body cannot be understood${where === '' ? '' : ` at ${where}`}`)
  }
  const { scope = [], full = false, label, tags = [] } = result.data
  return [
    ...scope.map((category) => `--scope=${category}`),
    ...(full ? ['--full'] : []),
    ...(label === undefined ? [] : [`--label=${label}`]),
    ...tags.map((tag) => `--tag=${tag}`),
  ]
}
