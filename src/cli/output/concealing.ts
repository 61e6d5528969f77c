/** Keeps secrets out of what a run of a job prints: what commands and servers say of themselves may repeat them. */
import { withoutSecrets } from '../../base/without-secrets.ts'
import { SnapError } from '../../model/errors.ts'
import type { TextSink } from './progress.ts'
import { escapedJson, safeText } from './safe-text.ts'

/** `json`: lines of JSON are written to it, which stay JSON whatever a secret consists of. `secrets` may grow. */
export function concealing(sink: TextSink, secrets: readonly string[], json: boolean): TextSink {
  return {
    write: (text) => sink.write(json ? concealedLines(text, secrets) : concealedText(text, secrets)),
    isTTY: sink.isTTY,
    get columns() {
      return sink.columns
    },
  }
}

/** Also as they are written for a terminal. */
const concealedText = (text: string, secrets: readonly string[]): string =>
  withoutSecrets(text, [...secrets, ...secrets.map(safeText)])

function concealedLines(text: string, secrets: readonly string[]): string {
  const lines = text.split('\n').map((line) => {
    const concealed = withoutSecrets(line, secrets)
    return concealed === line ? line : (concealedJson(line, secrets) ?? concealed)
  })
  return lines.join('\n')
}

/** What is neither told nor chosen by anybody: a password of four letters may stand in it by chance. */
const ID = /^[0-9a-f]{64}$/

function concealedJson(line: string, secrets: readonly string[]): string | undefined {
  try {
    const conceal = (key: string, value: unknown): unknown => {
      if (typeof value !== 'string' || key === 'message_type') return value
      return ID.test(value) && !secrets.includes(value) ? value : withoutSecrets(value, secrets)
    }
    return escapedJson(JSON.stringify(JSON.parse(line), conceal))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const CAUSES_MAX = 8

/** The error with what it says, and its causes say, without them. */
export function concealedError(error: unknown, secrets: readonly string[], depth = 0): unknown {
  if (!(error instanceof Error) || depth > CAUSES_MAX) return undefined
  const cause = concealedError(error.cause, secrets, depth + 1)
  const conceal = (text: string): string => concealedText(text, secrets)
  if (error instanceof SnapError) {
    const { code, message, hint, also } = error
    return new SnapError(code, conceal(message), {
      ...(hint === undefined ? {} : { hint: conceal(hint) }),
      also: also.map(conceal),
      cause,
    })
  }
  error.message = conceal(error.message)
  if (error.stack !== undefined) error.stack = conceal(error.stack)
  error.cause = cause
  return error
}
