import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { type Certificate, makeCertificate } from '../support/certificate.ts'
import { HttpServer, status } from '../support/http-server.ts'
import { MailServer } from '../support/mail-server.ts'
import { jsonLines, type Run, Sandbox } from '../support/snap.ts'

const TOKEN = 'tOk3n-of-the-hook'
const PASSWORD = 'pa55-of-the-mail'

const sandbox = new Sandbox()
const config = sandbox.path('snap.yaml')
let certificate: Certificate

beforeAll(() => {
  certificate = makeCertificate(sandbox.root)
})

function configure(notifications: string): void {
  writeFileSync(config, `repositories: { local: { path: ${sandbox.repository} } }\n${notifications}`)
  chmodSync(config, 0o600)
}

/** `snap notify test`, after a look that nothing of what it prints is secret. */
async function notify(
  code: number,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Run> {
  const run = await sandbox.expect(code, ['notify', 'test', ...args, '--config', config], {
    env: { HOOK_TOKEN: TOKEN, MAIL_PASSWORD: PASSWORD, ...env },
  })
  expect(run.stdout + run.stderr).not.toContain(TOKEN)
  expect(run.stdout + run.stderr).not.toContain(PASSWORD)
  return run
}

let log: string
beforeEach(() => {
  log = sandbox.path('logs', 'alerts.log')
})

it('sends a test through every channel', async () => {
  await using hook = await HttpServer.start()
  await using mail = await MailServer.start({
    ...certificate,
    onAuth: ({ password }, _, done) => done(null, password === PASSWORD ? { user: 'me' } : {}),
  })
  configure(`
notifications:
  ops:
    mail:
      to: [ops@example.org]
      from: snap@example.org
      server: smtp://localhost:${mail.port}
      starttls: required
      user: me
      password: \${MAIL_PASSWORD}
  chat: { webhook: "${hook.address}/\${HOOK_TOKEN}", headers: { Authorization: "Bearer \${HOOK_TOKEN}" } }
  pager: { command: [sh, -c, "cat > ${sandbox.path('paged')}"] }
  journal: { log: ${log} }
`)
  const run = await notify(0, [], { NODE_EXTRA_CA_CERTS: certificate.path })
  expect(run.stdout).toBe(
    'ops works: the test was sent\nchat works: the test was sent\npager works: the test was run\njournal works: the test was sent\n',
  )
  expect(mail.mails).toMatchObject([{ isSecure: true, user: 'me', to: ['ops@example.org'] }])
  expect(hook.asked).toMatchObject([{ path: `/${TOKEN}`, headers: { authorization: `Bearer ${TOKEN}` } }])
  for (const text of [
    hook.asked[0]!.body,
    readFileSync(sandbox.path('paged'), 'utf8'),
    readFileSync(log, 'utf8'),
  ])
    expect(JSON.parse(text)).toMatchObject({ message_type: 'alert', event: 'test', kind: 'test' })
})

it('tries all of them, says which do not work, and fails then', async () => {
  await using hook = await HttpServer.start()
  hook.answer = status(404)
  configure(`
notifications:
  chat: { webhook: "${hook.address}/\${HOOK_TOKEN}" }
  ops:
    mail: { to: [a@b], from: a@b, server: "smtp://127.0.0.1:1", user: me, password: "\${MAIL_PASSWORD}" }
  journal: { log: ${log} }
`)
  const run = await notify(1, ['-v'])
  expect(run.stdout.split('\n')).toEqual([
    `chat does not work: ${hook.address} answered with status 404`,
    'ops does not work: 127.0.0.1:1 cannot be reached: connection refused',
    'journal works: the test was sent',
    '',
  ])
  expect(run.stderr).toContain('of the channels tried, chat, ops did not work')
  const json = await notify(1, ['--json', 'journal', 'chat'])
  expect(jsonLines(json)).toEqual([
    { message_type: 'notified', channel: 'journal', kind: 'log', ok: true },
    {
      message_type: 'notified',
      channel: 'chat',
      kind: 'webhook',
      ok: false,
      error: `${hook.address} answered with status 404`,
    },
  ])
  expect(JSON.parse(json.stderr)).toMatchObject({ error: 'CHANNEL_FAILED', code: 1 })
})

it('refuses a name that there is not before it sends anything', async () => {
  configure(`notifications: { journal: { log: ${log}.not } }`)
  const run = await notify(2, ['journal', 'nobody'])
  expect(run.stderr).toContain('there is no channel "nobody"')
  expect(run.stderr).toContain('There are journal.')
  expect(existsSync(`${log}.not`)).toBe(false)
  configure('')
  expect((await notify(2)).stderr).toContain('there are no notifications in')
})

it('a file with a token in it that others can read gives a warning', async () => {
  await using hook = await HttpServer.start()
  configure(`notifications: { chat: { webhook: "${hook.address}/plain" } }`)
  chmodSync(config, 0o644)
  expect((await notify(0)).stderr).toContain('has notifications.chat.webhook in it: run chmod 600 on it')
})

it('ends where the signal comes, though the server hangs', async () => {
  await using hook = await HttpServer.start()
  const asked = new Promise<void>((resolve) => {
    hook.answer = () => resolve()
  })
  configure(`notifications: { chat: { webhook: "${hook.address}/\${HOOK_TOKEN}" } }`)
  const running = sandbox.start(['notify', 'test', '--config', config], { env: { HOOK_TOKEN: TOKEN } })
  await asked
  running.child.kill('SIGTERM')
  const run = await running.ended
  expect(run.status).toBe(130)
  expect(run.stderr).not.toContain(TOKEN)
})
