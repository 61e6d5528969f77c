import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { withoutSecrets } from '../../../../src/base/without-secrets.ts'
import { readConfig } from '../../../../src/jobs/config/read-config.ts'
import { secretsOf } from '../../../../src/jobs/config/secrets-of.ts'

function secrets(yaml: string, files: Readonly<Record<string, string>> = {}): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'snapkeep-secrets-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  const { config } = readConfig({
    file: join(directory, 'snap.yaml'),
    text: yaml,
    env: { TOKEN: 'from the environment' },
  })
  return secretsOf(config)
}

it('are all that a configuration names, wherever they lie', () => {
  const found = secrets(
    `
repositories:
  a: { path: /a, password: one two }
  b: { path: /b, password: 'file:b.txt' }
  c: { path: /c, password-command: pass show c }
  d: { path: /d, password: 'file:missing' }
sources:
  bank: { postgres: { database: bank, password: '\${TOKEN}' } }
jobs:
  nightly: { repository: a, sources: [bank], ping: 'https://hc.example/3fa8-token-1/x' }
notifications:
  ops: { mail: { to: [a@b], from: a@b, server: 'smtps://mail', user: me, password: of the mail } }
  chat: { webhook: 'https://me:pass1@chat.example/hooks/T0KENT0KEN?key=abcdef123', headers: { Authorization: 'Bearer sesame-2025' } }
daemon: { listen: '127.0.0.1:1', token: of the daemon, 16 }
`.replace('of the daemon, 16', 'of-the-daemon-16'),
    { 'b.txt': 'in a file\n' },
  )
  for (const secret of [
    'one two',
    'in a file',
    'from the environment',
    'of the mail',
    'of-the-daemon-16',
    'Bearer sesame-2025',
    'https://hc.example/3fa8-token-1/x',
  ])
    expect(found).toContain(secret)
  for (const said of [
    'POST /hooks/T0KENT0KEN?key=abcdef123 HTTP/1.1',
    'GET /3fa8-token-1/x/start',
    '> Authorization: Bearer sesame-2025',
    'token=sesame-2025',
    `basic ${Buffer.from('pass1').toString('base64')}`,
  ])
    expect(withoutSecrets(said, found)).not.toMatch(/T0KENT0KEN|abcdef123|3fa8|sesame|pass1|cGFzczE/)
})

it('are values of variables that are called so, and the password of a cluster', () => {
  const found = secrets(`
repositories: { a: { path: /a } }
sources:
  shop: { command: [mysqldump], env: { MYSQL_PWD: '\${TOKEN}', LANG: C.UTF-8, TOKEN_FILE: /etc/token } }
  cluster: { postgres-cluster: { password: of-the-cluster } }
  files:
    files: [/etc]
    hooks: { before: [{ command: [x], env: { API_TOKEN: of-a-hook, PWD: /srv/app } }] }
jobs:
  nightly: { sources: [shop], hooks: { finally: [{ command: [x], env: { DB_PASSWORD: of-the-job } }] } }
`)
  expect(found.sort()).toEqual(['from the environment', 'of-a-hook', 'of-the-cluster', 'of-the-job'])
})

it('are no words that stand elsewhere', () => {
  const found = secrets(`
repositories: { a: { path: /a, password: abc } }
notifications: { chat: { webhook: 'https://chat.example/webhook/backup', headers: { Accept: 'application json' } } }
`)
  const text = 'the backup of /var/webhook by abc accepts json from chat.example'
  expect(withoutSecrets(text, found)).toBe(text)
})
