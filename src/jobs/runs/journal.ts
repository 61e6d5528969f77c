/**
 * The log of one run: JSON lines in a file of its own, private, bounded, and without secrets. It never makes a run fail: where it
 * cannot be written, that is told once.
 */
import { closeSync, openSync } from 'node:fs'
import { pino } from 'pino'
import { makeDirectory } from '../../base/make-directory.ts'
import { withoutSecrets } from '../../base/without-secrets.ts'
import type { Clock } from '../../model/clock.ts'
import { messageOf } from '../../model/errors.ts'

/** What is written about a run while it runs. */
export type Journal = {
  readonly note: (text: string, more?: JournalFields) => void
  readonly warning: (text: string, more?: JournalFields) => void
  readonly failure: (text: string, more?: JournalFields) => void
}

export type JournalFields = Readonly<Record<string, string | number | boolean | undefined>>

export type JournalFile = Journal & Disposable

export type JournalOptions = {
  /** In every line. */
  readonly run: string
  readonly job: string
  readonly clock: Clock
  /** Never written: stars stand in their places. */
  readonly secrets: readonly string[]
  /** Told once, where the file cannot be written. */
  readonly failed: (reason: string) => void
}

/** Of a run that says the same of a million files the beginning tells enough. Bytes. */
const LOG_BYTES_MAX = 16_777_216
/** So that how it ended finds room. Bytes. */
const LOG_BYTES_LAST = 65_536

/** Makes the file `path` (0600); `directory` (0700) is where it lies. */
export function openJournal(directory: string, path: string, options: JournalOptions): JournalFile {
  const { run, job, clock, secrets, failed } = options
  let fd: number | undefined
  try {
    makeDirectory(directory, 0o700)
    fd = openSync(path, 'ax', 0o600)
  } catch (error) {
    failed(messageOf(error))
    return { note: nothing, warning: nothing, failure: nothing, [Symbol.dispose]: nothing }
  }
  const file = pino.destination({ fd, sync: true })
  let isFailed = false
  file.on('error', (error: unknown) => {
    if (!isFailed) failed(messageOf(error))
    isFailed = true
  })
  const logger = pino(
    {
      base: { run, job },
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    file,
  )
  let bytes = 0
  const write = (level: 'info' | 'warn' | 'error', text: string, more: JournalFields = {}): void => {
    if (isFailed || bytes > LOG_BYTES_MAX + LOG_BYTES_LAST) return
    if (bytes > LOG_BYTES_MAX && level === 'warn') return
    const message = withoutSecrets(text, secrets)
    const fields = Object.fromEntries(
      Object.entries(more).map(([key, value]) => [
        key,
        typeof value === 'string' ? withoutSecrets(value, secrets) : value,
      ]),
    )
    logger[level](fields, message)
    const before = bytes
    bytes += message.length + JSON.stringify(fields).length
    if (before <= LOG_BYTES_MAX && bytes > LOG_BYTES_MAX)
      logger.warn('the log is full: further warnings are left out')
  }
  return {
    note: (text, more) => write('info', text, more),
    warning: (text, more) => write('warn', text, more),
    failure: (text, more) => write('error', text, more),
    [Symbol.dispose]: () => {
      if (fd !== undefined) closeSync(fd)
      fd = undefined
      isFailed = true
    },
  }
}

const nothing = (): void => undefined
