/** Sentences beside the result: on stderr, so that what is on stdout stays the result. */
import type { CommandContext } from '../context.ts'
import { jsonLine } from './json-lines.ts'
import { jsonText, safeText } from './safe-text.ts'

/** Left out with `--quiet` and `--json`. */
export function stderrNote(
  { globals, stderr, journal }: Pick<CommandContext, 'globals' | 'stderr' | 'journal'>,
  text: string,
): void {
  journal?.note(text)
  if (globals.quiet || globals.json) return
  stderr.write(`${safeText(text)}\n`)
}

/** Something that a person has to know of: also with `--quiet`, and with `--json` as a line for programs. */
export function stderrWarning(
  { globals, stderr, journal }: Pick<CommandContext, 'globals' | 'stderr' | 'journal'>,
  text: string,
): void {
  journal?.warning(text)
  const line = { message_type: 'error', error: { message: jsonText(text) } }
  stderr.write(globals.json ? jsonLine(line) : `warning: ${safeText(text)}\n`)
}
