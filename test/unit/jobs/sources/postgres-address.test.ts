import { expect, it } from 'vitest'
import { parsePostgresAddress } from '../../../../src/jobs/sources/postgres-address.ts'
import { SnapError } from '../../../../src/model/errors.ts'

it.each([
  ['postgresql://db.example', { host: 'db.example', port: undefined, user: undefined, password: undefined }],
  [
    'postgres://me:p%40ss%2Fw@db.example:5433/ignored?sslmode=verify-full',
    {
      host: 'db.example',
      port: 5433,
      user: 'me',
      password: { kind: 'text', text: 'p@ss/w' },
      sslMode: 'verify-full',
    },
  ],
  ['postgresql://me@[::1]:5432', { host: '::1', port: 5432, user: 'me' }],
])('%s is an address', (text, expected) => {
  expect(parsePostgresAddress(text)).toMatchObject(expected)
})

it.each([
  '',
  'db.example',
  'http://db.example',
  'postgresql://',
  'postgresql://a:%zz@b',
  'postgresql://a:b@:99999',
])('%j is none, which is said without repeating it', (text) => {
  expect(() => parsePostgresAddress(text)).toThrow(SnapError)
  expect(() => parsePostgresAddress(text)).toThrow('it is no address of a PostgreSQL server')
})
