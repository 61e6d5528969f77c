/** The progress display that a command's options ask for. */
import type { CommandContext } from '../context.ts'
import { type ProgressReporter, progressReporter } from './progress.ts'

export function progressOf({
  globals,
  env,
  clock,
  stdout,
  stderr,
  journal,
}: CommandContext): ProgressReporter {
  return progressReporter({
    json: globals.json,
    quiet: globals.quiet,
    hidden: !globals.progress || env['TERM'] === 'dumb',
    clock,
    stdout,
    stderr,
    journal,
  })
}
