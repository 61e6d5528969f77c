/** Sentences beside the result: on stderr, so that what is on stdout stays the result. */
import type { CommandContext } from '../context.ts'
import { safeText } from './safe-text.ts'

/** Left out with `--quiet` and `--json`. */
export function stderrNote(
  { globals, stderr }: Pick<CommandContext, 'globals' | 'stderr'>,
  text: string,
): void {
  if (globals.quiet || globals.json) return
  stderr.write(`${safeText(text)}\n`)
}
