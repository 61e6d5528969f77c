/** Sentences beside the result: on stderr, so that what is on stdout stays the result. */
import { withoutSecrets } from '../../base/without-secrets.ts'
import type { CommandContext } from '../context.ts'
import { jsonLine } from './json-lines.ts'
import { jsonText, safeText } from './safe-text.ts'

type Notes = Pick<CommandContext, 'globals' | 'stderr' | 'journal' | 'secrets'>

/** Left out with `--quiet` and `--json`. */
export function stderrNote({ globals, stderr, journal, secrets = [] }: Notes, said: string): void {
  const text = withoutSecrets(said, secrets)
  journal?.remark(text)
  if (globals.quiet || globals.json) return
  stderr.write(`${safeText(text)}\n`)
}

/** Something that a person has to know of: also with `--quiet`, and with `--json` as a line for programs. */
export function stderrWarning({ globals, stderr, journal, secrets = [] }: Notes, said: string): void {
  const text = withoutSecrets(said, secrets)
  journal?.warning(text)
  const line = { message_type: 'error', error: { message: jsonText(text) } }
  stderr.write(globals.json ? jsonLine(line) : `warning: ${safeText(text)}\n`)
}
