import { beforeEach, describe, expect, it } from 'vitest'
import { DirectoryNames } from '../../../src/storage/directory-names.ts'
import { nodeStorageFs } from '../../../src/storage/node-storage-fs.ts'
import { systemError } from '../../support/storage/disk-model.ts'

/** What happened, in order. */
let events: string[]
/** Ends the first fsync, which waits for it; the others do not wait. */
let endFirst: (error?: Error) => void
let names: DirectoryNames

beforeEach(() => {
  events = []
  const firstEnds = new Promise<void>((resolve, reject) => {
    endFirst = (error) => (error === undefined ? resolve() : reject(error))
  })
  let begun = 0
  const fsyncDirectory = async (path: string) => {
    begun += 1
    const nth = begun
    events.push(`fsync ${nth} of ${path} begins`)
    if (nth === 1) await firstEnds
    events.push(`fsync ${nth} ends`)
  }
  names = new DirectoryNames({ ...nodeStorageFs, fsyncDirectory }, '/srv')
})

const sync = async (who: string, directory = 'log') => {
  await names.sync(directory)
  events.push(`${who} goes on`)
}

describe('who changed a directory', () => {
  it('waits for another fsync where one was under way already, and shares that with others who wait', async () => {
    const all = [sync('one'), sync('two'), sync('three')]
    expect(events).toEqual(['fsync 1 of /srv/log begins'])
    endFirst()
    await Promise.all(all)
    expect(events.filter((event) => event.startsWith('fsync'))).toEqual([
      'fsync 1 of /srv/log begins',
      'fsync 1 ends',
      'fsync 2 of /srv/log begins',
      'fsync 2 ends',
    ])
    expect(events.indexOf('one goes on')).toBeGreaterThan(events.indexOf('fsync 1 ends'))
    for (const who of ['two', 'three'])
      expect(events.indexOf(`${who} goes on`), who).toBeGreaterThan(events.indexOf('fsync 2 ends'))
  })

  it('gets another fsync though the one that was under way fails', async () => {
    const first = sync('one')
    const second = sync('two')
    endFirst(systemError('EIO', 'fsync', '/srv/log'))
    await expect(first).rejects.toMatchObject({ code: 'EIO' })
    await second
    expect(events).toEqual([
      'fsync 1 of /srv/log begins',
      'fsync 2 of /srv/log begins',
      'fsync 2 ends',
      'two goes on',
    ])
  })

  it('does not wait for an fsync of another directory', async () => {
    const first = sync('one')
    await sync('two', 'packs')
    expect(events).not.toContain('fsync 1 ends')
    endFirst()
    await first
    expect(events.slice(-2)).toEqual(['fsync 1 ends', 'one goes on'])
  })
})
