import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../../src/model/errors.ts'
import { momentOf, readComplaint, readListPage, sizeOf } from '../../../../src/storage/s3/answers.ts'
import { readXml } from '../../../../src/storage/s3/xml.ts'

const page = (inner: string): string =>
  `<?xml version="1.0"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`
const lastPage = (inner: string): string => page(`${inner}<IsTruncated>false</IsTruncated>`)
const object = (key: string, size = '5', modified = '2026-11-22T19:45:17.987Z'): string =>
  `<Contents><Key>${key}</Key><Size>${size}</Size><LastModified>${modified}</LastModified></Contents>`

function isRefused(run: () => unknown): boolean {
  try {
    run()
  } catch (error) {
    return hasCode(error, 'STORAGE_FAILED')
  }
  return false
}

describe('a page of a listing', () => {
  it('has objects with their sizes and times, and what the next page is asked for with', () => {
    const text = page(
      `${object('a/config')}<IsTruncated>true</IsTruncated><NextContinuationToken>1/&lt;&amp;&#x41;=</NextContinuationToken>${object('x&amp;y')}`,
    )
    const storedAt = Date.parse('2026-11-22T19:45:17Z')
    expect(readListPage(text)).toEqual({
      objects: [
        { name: 'a/config', bytes: 5, storedAt },
        { name: 'x&y', bytes: 5, storedAt },
      ],
      next: '1/<&A=',
    })
    expect(readListPage(page('<IsTruncated>false</IsTruncated>'))).toEqual({ objects: [], next: undefined })
  })

  it.each([
    ['', 'nothing'],
    ['<html><body>Hello</body></html>', 'a page of the web'],
    ['{"keys": []}', 'JSON'],
    [lastPage(object('a', '-5')), 'a negative size'],
    [lastPage(object('a', '5e3')), 'a size that is no number'],
    [lastPage(object('a', '9999999999999999')), 'a size beyond all numbers'],
    [lastPage(object('a', '5', 'yesterday')), 'a time that is none'],
    [lastPage('<Contents><Size>5</Size></Contents>'), 'an object without a name'],
    [page('<IsTruncated>true</IsTruncated>'), 'a next page that cannot be asked for'],
    [
      page(
        `<IsTruncated>true</IsTruncated><NextContinuationToken>${'a'.repeat(4_097)}</NextContinuationToken>`,
      ),
      'a next page that nobody can ask for',
    ],
    [page(object('a')), 'one that does not say whether it is the last'],
    [page(`${object('a')}<IsTruncated>perhaps</IsTruncated>`), 'one that may be the last'],
    [lastPage('<Contents>'), 'an element that does not end'],
    [`<!DOCTYPE x [<!ENTITY a "b">]>${lastPage('')}`, 'a document type'],
    [lastPage('</Contents>'), 'an end without a beginning'],
    [`${lastPage('')}${lastPage('')}`, 'two pages'],
    [lastPage('<a>'.repeat(40) + '</a>'.repeat(40)), 'too many levels'],
    [lastPage('<a/>'.repeat(100_001)), 'too many elements'],
    [lastPage('&#x110000;'), 'a character that does not exist'],
    ['<'.repeat(1_000_000), 'a million beginnings'],
    [`<${'a'.repeat(4_000_000)}`, 'a name that does not end'],
    [`<a ${' '.repeat(4_000_000)}`, 'an element of spaces'],
    ['<!--'.repeat(1_000_000), 'comments that do not end'],
    [`<?${'?'.repeat(4_000_000)}`, 'a declaration that does not end'],
  ])('is not: %#', (text, what) => {
    const startedAt = performance.now()
    expect(
      isRefused(() => readListPage(text)),
      what,
    ).toBe(true)
    expect(performance.now() - startedAt, what).toBeLessThan(2_000)
  })
})

describe('an error of a store', () => {
  it('has a code, words and a region', () => {
    const text = '<Error><Code>NoSuchKey</Code><Message>not there</Message><Region>eu-west-1</Region></Error>'
    expect(readComplaint(text)).toEqual({ code: 'NoSuchKey', message: 'not there', region: 'eu-west-1' })
  })

  it('may be anything', () => {
    const nothing = { code: '', message: '', region: undefined }
    expect(readComplaint('<html>Bad Gateway</html>')).toEqual(nothing)
    expect(readComplaint('')).toEqual(nothing)
    expect(readComplaint('<Error><Code>\u001b[31m</Code></Error>').code).toBe('')
    expect(readComplaint(`<Error><Message>${'x'.repeat(9_999)}</Message></Error>`).message).toHaveLength(200)
  })
})

describe('numbers and times in headers', () => {
  it('are read as they are, or not at all', () => {
    expect([sizeOf('0'), sizeOf('12'), sizeOf('1.5'), sizeOf('-1'), sizeOf(''), sizeOf(undefined)]).toEqual([
      0,
      12,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(momentOf('Sun, 22 Nov 2026 19:45:17 GMT')).toBe(Date.parse('2026-11-22T19:45:17Z'))
    expect([momentOf('never'), momentOf(undefined)]).toEqual([undefined, undefined])
  })
})

describe('XML', () => {
  it('has elements with text and attributes, comments and declarations', () => {
    expect(readXml('<?xml version="1.0"?><!-- a --><a b="c"><d/>x&quot;y&#10;<d>z</d></a>')).toEqual({
      name: 'a',
      text: 'x"y\n',
      children: [
        { name: 'd', text: '', children: [] },
        { name: 'd', text: 'z', children: [] },
      ],
    })
  })
})
