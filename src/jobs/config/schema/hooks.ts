/** Commands around an operation in `snap.yaml`. */
import { z } from 'zod'
import { command, duration, text, variables } from './words.ts'

export type RawHook =
  | string
  | {
      command: string[]
      env?: Record<string, string> | undefined
      cwd?: string | undefined
      timeout?: string | undefined
      'on-error'?: 'fail' | 'warn' | 'ignore' | undefined
    }

export type RawHooks = {
  before?: RawHook[] | undefined
  after?: RawHook[] | undefined
  failed?: RawHook[] | undefined
  finally?: RawHook[] | undefined
}

const hook = z.union(
  [
    z.string().min(1),
    z.strictObject({
      command: command('a program and its arguments; no shell is between'),
      env: variables('variables of the command').optional(),
      cwd: text('the directory in which the command runs').optional(),
      timeout: duration('how long the command may run').optional(),
      'on-error': z.enum(['fail', 'warn', 'ignore']).describe('what its failure means').optional(),
    }),
  ],
  'a command line for the shell, or command with env, cwd, timeout and on-error',
)

export const hooks: z.ZodType<RawHooks> = z
  .strictObject({
    before: z.array(hook).describe('before anything is read').optional(),
    after: z.array(hook).describe('when it was saved').optional(),
    failed: z.array(hook).describe('when it failed').optional(),
    finally: z.array(hook).describe('at the end, whatever happened').optional(),
  })
  .describe('commands that run around it')
