import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import {
  quotedForShell,
  quotedSetting,
  recoverySettings,
} from '../../../../src/jobs/sources/recovery-settings.ts'

const SETTINGS = {
  program: ['/usr/bin/node', '/opt/snap/main.js'],
  options: ['--config', '/etc/snap.yaml'],
  source: 'cluster',
  atMs: undefined,
  timeline: undefined,
  archive: false,
}
const settingOf = (text: string, name: string): string | undefined =>
  new RegExp(`^${name} = '(.*)'$`, 'm').exec(text)?.[1]

describe('the settings of a recovery', () => {
  it('stop at the time, with all that committed then', () => {
    const at = (ms: number): string | undefined =>
      settingOf(recoverySettings({ ...SETTINGS, atMs: ms }), 'recovery_target_time')
    expect(at(Date.UTC(2025, 10, 19, 14, 32, 5, 7))).toBe('2025-11-19 14:32:05.007+00')
    expect(at(Date.UTC(2025, 10, 19, 14, 32, 5, 999))).toBe('2025-11-19 14:32:05.999999+00')
    const text = recoverySettings({ ...SETTINGS, atMs: 0, timeline: 3 })
    expect(settingOf(text, 'recovery_target_timeline')).toBe('3')
    expect(settingOf(text, 'recovery_target_action')).toBe('promote')
    expect(settingOf(recoverySettings(SETTINGS), 'recovery_target_time')).toBe('')
    expect(settingOf(recoverySettings(SETTINGS), 'recovery_target_timeline')).toBe('current')
  })

  it('keep a copy from archiving, unless told', () => {
    expect(settingOf(recoverySettings(SETTINGS), 'archive_mode')).toBe('off')
    expect(recoverySettings({ ...SETTINGS, archive: true })).not.toContain('archive_mode')
  })

  it.each(["it's", 'a b', '100%', '"quoted"', '$HOME `id`', 'back\\slash', '%p', "'", '$(touch x)'])(
    'hand %s on to the shell as it is',
    (word) => {
      // What PostgreSQL makes of it before the shell sees it.
      const line = `printf %s ${quotedForShell(word).replaceAll('%%', '%')}`
      expect(execFileSync('sh', ['-c', line], { encoding: 'utf8' })).toBe(word)
    },
  )

  it('are texts as postgresql.conf has them', () => {
    expect(quotedSetting("it's \\ a\nb")).toBe("'it''s \\\\ a\\nb'")
  })

  it.each<[string, string, number]>([
    ['says that it is not there', 'exit 1', 1],
    ['says that something is wrong', 'exit 200', 200],
    ['succeeds', 'exit 0', 0],
  ])('believe a program that %s', (_, script, status) => {
    expect(statusOf(`case "$1" in --version) exit 0;; *) ${script};; esac`)).toBe(status)
  })

  it('do not believe a program that does not start', () => {
    expect(statusOf('exit 1')).toBe(200)
  })

  /** Of the command, with a program of this script, as PostgreSQL runs it. */
  function statusOf(script: string): number {
    const text = recoverySettings({ ...SETTINGS, program: ['sh', '-c', script, 'sh'] })
    const command = (settingOf(text, 'restore_command') ?? '')
      .replaceAll("''", "'")
      .replaceAll('\\\\', '\\')
      .replaceAll(/%([fp%])/g, (_, which: string) => ({ f: 'NAME', p: 'PATH' })[which] ?? '%')
    try {
      execFileSync('sh', ['-c', command], { stdio: 'ignore' })
      return 0
    } catch (error) {
      return (error as { status: number }).status
    }
  }
})
