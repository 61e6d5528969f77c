/**
 * What makes a machine keep the schedule, as files of its service managers: systemd and launchd run the daemon, cron and the Windows Task
 * Scheduler call `snap schedule run` each minute. When jobs are due is decided by the same code everywhere.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, win32 } from 'node:path'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { messageOf, SnapError } from '../../model/errors.ts'
import { installInCrontab } from './crontab.ts'
import { cronText, launchdText, systemdText, windowsText } from './service-texts.ts'

export type InstallerKind = 'systemd' | 'cron' | 'launchd' | 'windows'

export type Installation = {
  /** What runs snap. */
  readonly program: readonly string[]
  /** Absolute. */
  readonly configFile: string
  readonly isRoot: boolean
  /** The user's. */
  readonly home: string
}

export type Installer = {
  /** Where it is written. */
  readonly path: string
  readonly text: string
  /** The command that makes it count. */
  readonly next: string | undefined
  /** `USAGE` where it cannot be written, or what lies there is not ours. */
  readonly write: (warn: (text: string) => void) => Promise<void>
}

const MARK = 'written by snap schedule install'

export function installer(kind: InstallerKind, installation: Installation): Installer {
  const { isRoot, home } = installation
  switch (kind) {
    case 'systemd': {
      const path = isRoot
        ? '/etc/systemd/system/snap.service'
        : join(home, '.config/systemd/user/snap.service')
      const systemctl = isRoot ? 'systemctl' : 'systemctl --user'
      const next = `${systemctl} daemon-reload && ${systemctl} enable --now snap.service`
      return fileInstaller(path, systemdText(installation, MARK), next)
    }
    case 'launchd': {
      const directory = isRoot ? '/Library/LaunchDaemons' : join(home, 'Library/LaunchAgents')
      const path = join(directory, 'snapkeep.daemon.plist')
      return fileInstaller(path, launchdText(installation, MARK), `launchctl load -w '${path}'`)
    }
    case 'windows': {
      const path = win32.join(home, 'AppData', 'Local', 'snap', 'snap-task.xml')
      return fileInstaller(path, windowsText(installation, MARK), `schtasks /Create /TN snap /XML "${path}"`)
    }
    case 'cron': {
      const text = cronText(installation)
      return {
        path: 'the crontab',
        text,
        next: undefined,
        write: async () => await installInCrontab(installation.configFile, text),
      }
    }
  }
}

function fileInstaller(path: string, text: string, next: string): Installer {
  const write = async (): Promise<void> => {
    try {
      refuseStrange(path)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text, { mode: 0o644 })
    } catch (cause) {
      if (cause instanceof SnapError) throw cause
      throw new SnapError(
        'USAGE',
        `cannot write ${path}: ${codeInWords(systemCode(cause)) || messageOf(cause)}`,
        {
          hint: 'Use --print, and put it where it belongs.',
          cause,
        },
      )
    }
  }
  return { path, text, next, write }
}

/** What somebody else has written there is not lost. */
function refuseStrange(path: string): void {
  let before: string
  try {
    before = readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw error
  }
  if (before.includes(MARK)) return
  throw new SnapError('USAGE', `${path} exists, and was not written by snap`, {
    hint: 'Move it away, or use --print.',
  })
}
