import { describe, expect, it } from 'vitest'
import { postgresDifferences, sqliteDifferences } from '../../../../src/jobs/drills/compare-facts.ts'

const FOUND = { pageSize: 4096, pages: 2, userVersion: 0, schema: 'abc', findings: [], rows: { a: 3, b: 0 } }
const RECORDED = {
  page_size: 4096,
  pages: 2,
  user_version: 0,
  schema: 'abc',
  integrity: 'ok',
  rows: { a: 3, b: 0 },
}

describe('a SQLite database', () => {
  it('is as the snapshot records it', () => {
    expect(sqliteDifferences(RECORDED, FOUND)).toEqual([])
    expect(sqliteDifferences(undefined, FOUND)).toEqual([])
  })

  it.each([
    [
      RECORDED,
      { ...FOUND, findings: ['row 1 missing from index'] },
      ['integrity_check: row 1 missing from index'],
    ],
    [undefined, { ...FOUND, findings: ['malformed'] }, ['integrity_check: malformed']],
    [RECORDED, { ...FOUND, schema: 'abd' }, ['its schema is another than the snapshot records']],
    [RECORDED, { ...FOUND, rows: { a: 2, b: 0 } }, ['table a has 2 rows, and 3 by the snapshot']],
    [RECORDED, { ...FOUND, rows: { a: 3 } }, ['table b is missing']],
    [
      { rows: Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`t${at}`, 1])) },
      { ...FOUND, rows: {} },
      [...Array.from({ length: 5 }, (_, at) => `table t${at} is missing`), 'and 4 more tables differ'],
    ],
  ])('that differs is told: %j %j', (recorded, found, expected) => {
    expect(sqliteDifferences(recorded, found)).toEqual(expected)
  })

  it.each([{ rows: 7, schema: 7 }, { rows: ['a'] }, { rows: { a: 'many' } }, { rows: null }, {}])(
    'is not held against nonsense: %j',
    (recorded) => {
      expect(sqliteDifferences(recorded, FOUND)).toEqual([])
    },
  )
})

describe('a PostgreSQL database', () => {
  it.each([
    [{ tables: 2, rows: 100 }, { tables: 2, rows: 100 }, []],
    [{ tables: 2, rows: 100 }, { tables: 3, rows: 51 }, []],
    [undefined, { tables: 0, rows: 0 }, []],
    [{ tables: '2', rows: null }, { tables: 0, rows: 0 }, []],
    [{ tables: 2, rows: 0 }, { tables: 1, rows: 0 }, ['it has 1 tables, and 2 by the snapshot']],
    [{ tables: 2, rows: 100 }, { tables: 2, rows: 49 }, ['it has 49 rows, and about 100 by the snapshot']],
  ])('recorded as %j and found as %j', (recorded, found, expected) => {
    expect(postgresDifferences(recorded, found)).toEqual(expected)
  })
})
