/** The texts of services and tasks, each quoted as its reader wants it. Pure. */
import type { Installation } from './installers.ts'

type Texts = Pick<Installation, 'program' | 'configFile' | 'isRoot'>

/** systemd.service(5): Type=notify, SIGHUP reloads. */
export function systemdText({ program, configFile, isRoot }: Texts, mark: string): string {
  const line = [...program, 'daemon', '--config', configFile].map(systemdQuoted).join(' ')
  return `# ${mark}
[Unit]
Description=snap runs backup jobs when they are due
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart=${line}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=30
KillMode=mixed
TimeoutStopSec=960

[Install]
WantedBy=${isRoot ? 'multi-user.target' : 'default.target'}
`
}

/** `%` and `$` mean something to systemd. */
const systemdQuoted = (text: string): string =>
  `"${text.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`

/** One line for crontab(5). */
export function cronText({ program, configFile }: Texts): string {
  const line = [...program, 'schedule', 'run', '--quiet', '--config', configFile].map(shellQuoted).join(' ')
  // A percent sign is a line end to cron, quoted or not.
  return `* * * * * ${line.replaceAll('%', '\\%')}\n`
}

const shellQuoted = (text: string): string =>
  /^[A-Za-z0-9_/.:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** launchd.plist(5). */
export function launchdText({ program, configFile }: Texts, mark: string): string {
  const args = [...program, 'daemon', '--config', configFile]
    .map((text) => `    <string>${xmlText(text)}</string>\n`)
    .join('')
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${mark} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>snapkeep.daemon</string>
  <key>ProgramArguments</key>
  <array>
${args}  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ProcessType</key>
  <string>Background</string>
</dict>
</plist>
`
}

/** A task of the Windows Task Scheduler, version 1.2 of its schema: each minute; runs that are long do not hold up others. */
export function windowsText({ program, configFile }: Texts, mark: string): string {
  const [command = '', ...args] = [...program, 'schedule', 'run', '--quiet', '--config', configFile]
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- ${mark} -->
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>snap runs backup jobs when they are due</Description>
  </RegistrationInfo>
  <Triggers>
    <TimeTrigger>
      <Repetition>
        <Interval>PT1M</Interval>
      </Repetition>
      <StartBoundary>2020-01-01T00:00:00</StartBoundary>
      <Enabled>true</Enabled>
    </TimeTrigger>
  </Triggers>
  <Settings>
    <MultipleInstancesPolicy>Parallel</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Enabled>true</Enabled>
  </Settings>
  <Actions>
    <Exec>
      <Command>${xmlText(command)}</Command>
      <Arguments>${xmlText(args.map(windowsQuoted).join(' '))}</Arguments>
    </Exec>
  </Actions>
</Task>
`
}

/** By the rules of CommandLineToArgvW: backslashes count where a quote follows. */
const windowsQuoted = (text: string): string =>
  /^[^\s"]+$/.test(text) ? text : `"${text.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const xmlText = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? '')
