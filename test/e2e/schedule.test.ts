/** What is written for service managers is read by those themselves: systemd's checker, cron's crontab, and readers of their formats. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isRoot, type Json, PROGRAM, Sandbox } from '../support/snap.ts'

const sandbox = new Sandbox()
let config: string

/** A path with all that shells, units and XML give a meaning to. */
const STRANGE = `it's "50%" $HOME & <co> \\ ü`

beforeAll(() => {
  chmodSync(sandbox.root, 0o755)
  mkdirSync(sandbox.path(STRANGE))
})
beforeEach(() => {
  config = sandbox.path(STRANGE, 'snap.yaml')
  configure(config)
})

function configure(file: string): void {
  writeFileSync(
    file,
    `repositories: { local: { path: ${sandbox.repository} } }\nsources: { app: { files: [/etc/hostname] } }\njobs:
  nightly: { sources: [app], schedule: { at: 'daily at 02:00', timezone: Asia/Tokyo } }
  weekly: { sources: [app], schedule: ['sunday at 01:00', '0 3 1 * *'] }
  by-hand: { sources: [app] }\n`,
  )
}

const printed = async (kind: string): Promise<string> =>
  (await sandbox.ok(['schedule', 'install', kind, '--print', '--config', config])).stdout

/** What a shell makes of a line, without running it. */
function words(line: string): string[] {
  return execFileSync('bash', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1)
}

const python = (program: string, text: string): Json =>
  JSON.parse(execFileSync('python3', ['-c', program], { input: text, encoding: 'utf8' }))

const DAEMON = () => [process.execPath, PROGRAM, 'daemon', '--config', config]
const CALL = () => [process.execPath, PROGRAM, 'schedule', 'run', '--quiet', '--config', config]

describe('snap schedule list', () => {
  it('says when each job runs next', async () => {
    const { stdout } = await sandbox.ok(['schedule', 'list', '--json', '--config', config])
    const [nightly, weekly, byHand] = JSON.parse(stdout)
    expect(nightly).toMatchObject({ job: 'nightly', schedule: ['daily at 02:00'], timezone: 'Asia/Tokyo' })
    expect(nightly.next_run).toMatch(/T17:00:00/)
    expect(weekly.next_run).toMatch(/T0[13]:00:00/)
    expect(byHand).toEqual({ job: 'by-hand', kind: 'backup', schedule: [] })
    const table = (await sandbox.ok(['schedule', 'list', '--config', config])).stdout
    expect(table).toMatch(/^by-hand +backup +none/m)
  })
})

describe('snap schedule install', () => {
  it('takes one kind', async () => {
    await sandbox.expect(2, ['schedule', 'install', '--config', config])
    await sandbox.expect(2, ['schedule', 'install', '--cron', '--systemd', '--config', config])
  })

  it('prints a unit that systemd reads as it is meant', async () => {
    const unit = await printed('--systemd')
    const file = sandbox.path('snap.service')
    writeFileSync(file, unit)
    const checked = execFileSync('systemd-analyze', ['verify', '--man=no', file], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
    expect(checked).toBe('')
    const line = /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? ''
    // systemd's own quoting: quotes as in C, and its two specials doubled.
    const args = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) =>
      text.replaceAll(/\\(.)/g, '$1').replaceAll('%%', '%').replaceAll('$$', '$'),
    )
    expect(args).toEqual(DAEMON())
    expect(unit).toContain('Type=notify')
  })

  it('prints a line for the crontab that a shell takes apart as it is meant', async () => {
    const line = await printed('--cron')
    expect(line).toMatch(/^\* \* \* \* \* /)
    // To cron, a percent sign ends the command unless a backslash stands before it, which cron removes.
    expect(line).not.toMatch(/(?<!\\)%/)
    const command = line.trimEnd().slice('* * * * * '.length).replaceAll('\\%', '%')
    expect(words(command)).toEqual(CALL())
  })

  it('prints a property list for launchd', async () => {
    const list = python(
      'import plistlib,json,sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))',
      await printed('--launchd'),
    )
    expect(list).toMatchObject({ Label: 'snapkeep.daemon', KeepAlive: true, ProgramArguments: DAEMON() })
  })

  it('prints a task for Windows', async () => {
    const [command, line] = python(
      `import json,sys,xml.etree.ElementTree as e
n='{http://schemas.microsoft.com/windows/2004/02/mit/task}'
t=e.fromstring(sys.stdin.buffer.read()).find(n+'Actions').find(n+'Exec')
print(json.dumps([t.find(n+'Command').text,t.find(n+'Arguments').text]))`,
      await printed('--windows'),
    )
    expect([command, ...windowsArguments(line)]).toEqual(CALL())
  })

  it('writes the unit where the user has them, and leaves alone what somebody else has written', async () => {
    const home = sandbox.path('home')
    const env = { HOME: home }
    const through = isRoot ? asNobody() : []
    if (isRoot) execFileSync('chown', ['-R', 'nobody', home])
    const install = ['schedule', 'install', '--systemd', '--config', config]
    const options = { env, through, program: readableProgram() }
    const run = await sandbox.ok(install, options)
    const file = sandbox.path('home', '.config', 'systemd', 'user', 'snap.service')
    expect(run.stderr).toContain(
      'systemctl --user daemon-reload && systemctl --user enable --now snap.service',
    )
    expect(readFileSync(file, 'utf8')).toBe(run.stdout)
    expect(run.stdout).toContain('WantedBy=default.target')
    await sandbox.ok(install, options)
    writeFileSync(file, '[Unit]\n')
    expect((await sandbox.expect(2, install, options)).stderr).toContain('was not written by snap')
    expect(readFileSync(file, 'utf8')).toBe('[Unit]\n')
  })

  it.runIf(isRoot)('puts its line into a real crontab, once, and keeps what stands there', async () => {
    const asUser = asNobody()
    const crontab = (args: string[], input = ''): string =>
      execFileSync(asUser[0]!, [...asUser.slice(1), 'crontab', ...args], {
        input,
        encoding: 'utf8',
        stdio: 'pipe',
      })
    const other = '# mine\n5 4 * * * echo "100\\%"\n'
    crontab(['-'], other)
    try {
      const options = { through: asUser, program: readableProgram(), env: { HOME: sandbox.path('home') } }
      await sandbox.ok(['schedule', 'install', '--cron', '--config', config], options)
      const second = sandbox.path('second.yaml')
      configure(second)
      await sandbox.ok(['schedule', 'install', '--cron', '--config', second], options)
      await sandbox.ok(['schedule', 'install', '--cron', '--config', config], options)
      const lines = crontab(['-l']).split('\n')
      expect(lines.slice(0, 2).join('\n')).toBe(other.trimEnd())
      expect(lines.filter((line) => line.startsWith('* * * * *'))).toHaveLength(2)
      expect(lines.filter((line) => line.endsWith(': begin'))).toHaveLength(2)
    } finally {
      crontab(['-r'])
    }
  })
})

const asNobody = (): string[] => ['setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups']

/** The program where another user can read it. */
function readableProgram(): string {
  const copy = sandbox.path('program')
  if (!existsSync(copy)) {
    const root = PROGRAM.replace(/bin\/main\.js$/, '')
    cpSync(`${root}bin`, `${copy}/bin`, { recursive: true })
    cpSync(`${root}package.json`, `${copy}/package.json`)
    for (const name of [
      'commander',
      'yaml',
      'zod',
      'croner',
      'better-sqlite3',
      'bindings',
      'file-uri-to-path',
      'pino',
    ])
      cpSync(`${root}node_modules/${name}`, `${copy}/node_modules/${name}`, { recursive: true })
  }
  return `${copy}/bin/main.js`
}

/** By the rules of CommandLineToArgvW: backslashes count before a quote alone, where each pair is one. */
function windowsArguments(line: string): string[] {
  const args: string[] = []
  let word: string | undefined
  let isQuoted = false
  for (let at = 0; at < line.length; ) {
    const [slashes = ''] = /^\\*/.exec(line.slice(at)) ?? []
    at += slashes.length
    const isQuote = line[at] === '"'
    const kept = isQuote ? '\\'.repeat(Math.floor(slashes.length / 2)) : slashes
    if (slashes !== '') word = (word ?? '') + kept
    if (at >= line.length) break
    if (isQuote && slashes.length % 2 === 1) word += '"'
    else if (isQuote) {
      isQuoted = !isQuoted
      word ??= ''
    } else if (!isQuoted && /\s/.test(line[at]!)) {
      if (word !== undefined) args.push(word)
      word = undefined
    } else word = (word ?? '') + line[at]!
    at += 1
  }
  if (word !== undefined) args.push(word)
  return args
}
