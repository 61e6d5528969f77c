import { describe, expect, it } from 'vitest'
import { seriesOf } from '../../../src/snapshot/series.ts'
import { ID_KEY } from '../../support/builders.ts'

describe('a series', () => {
  const of = (host: string, paths: string[]) => seriesOf(ID_KEY, host, { paths })

  it('is the same for the same host and paths, in whatever order these are given', () => {
    expect(of('h', ['/a', '/b'])).toBe(of('h', ['/b', '/a']))
    expect(of('h', ['/a'])).toMatch(/^[0-9a-f]{32}$/)
  })

  it('leaves the order of the paths it is given alone', () => {
    const paths = ['/b', '/a']
    of('h', paths)
    expect(paths).toEqual(['/b', '/a'])
  })

  it('differs by host, by paths, by where one path ends, and by key', () => {
    const all = [
      of('h', ['/a', '/b']),
      of('g', ['/a', '/b']),
      of('h', ['/a']),
      of('h', ['/a/b']),
      of('h', ['/a\ud800', '/b']),
      seriesOf(new Uint8Array(32), 'h', { paths: ['/a', '/b'] }),
      seriesOf(ID_KEY, 'h', { job: '/a' }),
      seriesOf(ID_KEY, 'h', { job: 'a' }),
    ]
    expect(new Set(all).size).toBe(all.length)
  })
})
