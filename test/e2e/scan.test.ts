import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Json, jsonLines, Sandbox } from '../support/snap.ts'

const DIRECTORIES = 40
const FILES = 90

describe('an unchanged tree of more names than a task looks at', () => {
  const box = new Sandbox()
  const data = box.path('data')
  const directory = (number: number): string => `${data}/${number % 4}/${number % 8}/d${number}`

  function makeTree(): void {
    for (let number = 0; number < DIRECTORIES; number++) {
      mkdirSync(directory(number), { recursive: true })
      for (let file = 0; file < FILES; file++)
        writeFileSync(`${directory(number)}/f${file}`, `${number} ${file}`)
      symlinkSync('f1', `${directory(number)}/link`)
    }
  }

  /** What the newest snapshot has below the source: other tests change the directories above it. */
  async function listed(): Promise<Json[]> {
    const lines = jsonLines(await box.ok(['ls', '-R', '--json', 'latest', data]))
    return lines.filter(({ message_type: type }) => type === 'node')
  }

  it('is taken over by one thread and by many as by the walk, and so is one with a change in it', async () => {
    makeTree()
    await box.init()
    await box.ok(['backup', data])
    const before = await listed()
    expect(before.length).toBeGreaterThan(DIRECTORIES * FILES)
    const scanned: Json[] = []
    for (const threads of ['1', '2', '5'])
      scanned.push(await box.summary(['backup', '--threads', threads, data]))
    for (const summary of scanned) {
      expect(summary).toMatchObject({
        files_unmodified: DIRECTORIES * FILES,
        files_changed: 0,
        files_new: 0,
        bytes_read: 0,
        others: DIRECTORIES,
      })
    }
    expect(await listed()).toEqual(before)
    writeFileSync(`${directory(17)}/f50`, 'changed')
    chmodSync(directory(30), 0o700)
    const summary = await box.summary(['backup', '--threads', '2', data])
    expect(summary).toMatchObject({ files_changed: 1, files_unmodified: DIRECTORIES * FILES - 1 })
    const changed = await listed()
    expect(changed).not.toEqual(before)
    // Every file is read with this, and compared with nothing.
    await box.ok(['backup', '--full', data])
    expect(await listed()).toEqual(changed)
  })
})
