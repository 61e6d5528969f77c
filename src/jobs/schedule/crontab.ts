/** Our line in the user's crontab, between two comments that say whose it is. What else stands there stays. */
import { messageOf, SnapError } from '../../model/errors.ts'
import { commandOutput } from '../sources/command-output.ts'

const TIMEOUT_MS = 30_000

/** `text`: whole lines. Replaces what was put there for the same configuration. `USAGE` where crontab(1) does not take it. */
export async function installInCrontab(configFile: string, text: string): Promise<void> {
  const begin = `# snap schedule of ${configFile}: begin`
  const end = `# snap schedule of ${configFile}: end`
  try {
    const before = (await current()).split('\n')
    const from = before.indexOf(begin)
    const to = before.indexOf(end)
    const others = from >= 0 && to > from ? [...before.slice(0, from), ...before.slice(to + 1)] : before
    const rest = others.join('\n').trimEnd()
    const input = `${rest === '' ? '' : `${rest}\n`}${begin}\n${text}${end}\n`
    await run(['crontab', '-'], input)
  } catch (cause) {
    throw new SnapError('USAGE', `the crontab cannot be changed: ${messageOf(cause)}`, {
      hint: 'Use --print, and put the line where it belongs.',
      cause,
    })
  }
}

/** crontab(1) ends with 1 where there is none; what it says then differs. */
async function current(): Promise<string> {
  return await run(['crontab', '-l'], undefined, [0, 1])
}

async function run(
  argv: readonly [string, ...string[]],
  input: string | undefined,
  accept: readonly number[] = [0],
): Promise<string> {
  const command = { argv: [...argv] as [string, ...string[]], input, timeoutMs: TIMEOUT_MS, accept }
  const parts: Uint8Array[] = []
  for await (const bytes of commandOutput(command, new AbortController().signal)) parts.push(bytes)
  return Buffer.concat(parts).toString('utf8')
}
