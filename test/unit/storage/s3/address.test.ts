import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../../src/model/errors.ts'
import { isS3Address, parseS3Address, s3Place } from '../../../../src/storage/s3/address.ts'

describe('an address in an S3 store', () => {
  it.each([
    ['s3:https://host/bucket', 's3:https://host/bucket', 'https://host/bucket/', '', 'us-east-1'],
    [
      's3:http://127.0.0.1:9000/b.c/p',
      's3:http://127.0.0.1:9000/b.c/p',
      'http://127.0.0.1:9000/b.c/',
      'p/',
      'us-east-1',
    ],
    [
      's3:https://HOST:443//bucket//a b//c+d/',
      's3:https://host/bucket/a b/c+d',
      'https://host/bucket/',
      'a b/c+d/',
      'us-east-1',
    ],
    [
      's3:https://[::1]:9000/bucket',
      's3:https://[::1]:9000/bucket',
      'https://[::1]:9000/bucket/',
      '',
      'us-east-1',
    ],
    [
      's3:https://s3.eu-central-1.amazonaws.com/bucket/p',
      's3:https://s3.eu-central-1.amazonaws.com/bucket/p',
      'https://s3.eu-central-1.amazonaws.com/bucket/',
      'p/',
      'eu-central-1',
    ],
  ])('%s is read', (text, place, bucketUrl, prefix, region) => {
    expect(isS3Address(text)).toBe(true)
    expect(s3Place(text)).toBe(place)
    const address = parseS3Address(text, undefined)
    expect(address).toMatchObject({ text: place, bucketUrl, prefix, region })
    expect(prefix === '' ? address.bucketText : `${address.bucketText}/${prefix.slice(0, -1)}`).toBe(place)
  })

  it('at AWS has the bucket in the host name, where a certificate covers that, and wants a region', () => {
    expect(parseS3Address('s3:bucket/a/b', 'eu-west-1')).toMatchObject({
      text: 's3:bucket/a/b',
      bucketUrl: 'https://bucket.s3.eu-west-1.amazonaws.com/',
      prefix: 'a/b/',
    })
    expect(parseS3Address('s3:my.bucket', 'cn-north-1').bucketUrl).toBe(
      'https://s3.cn-north-1.amazonaws.com.cn/my.bucket/',
    )
    expect(() => parseS3Address('s3:bucket', undefined)).toThrow('in a region that was not named')
    expect(() => parseS3Address('s3:bucket', 'evil.example/')).toThrow('is not a region')
  })

  it('takes the region that is said', () => {
    expect(parseS3Address('s3:https://host/bucket', 'garage').region).toBe('garage')
  })

  it.each([
    's3:',
    's3:https://host',
    's3:https:///bucket',
    's3:ftp://host/bucket',
    's3:https://ho st/bucket',
    's3:https://host?x/bucket',
    's3:https://host:99999/bucket',
    's3:https://host/b',
    's3:https://host/bu cket',
    's3:https://host/bucket/../other',
    's3:https://host/bucket/./other',
    's3:https://host/bucket/a?b',
    's3:https://host/bucket/a#b',
    's3:https://host/bucket/a%2e%2e',
    's3:https://host/bucket/a\\b',
    's3:https://host/bucket/a\nb',
    's3:https://host/bucket/a\ud800b',
    `s3:https://host/bucket/${'a'.repeat(600)}`,
  ])('%s is none', (text) => {
    let thrown: unknown
    try {
      parseS3Address(text, 'eu-west-1')
    } catch (error) {
      thrown = error
    }
    expect(hasCode(thrown, 'USAGE')).toBe(true)
  })

  it('with a key in it is refused without a word of it', () => {
    for (const text of [
      's3:https://AKIA:se/cr+et@host/bucket',
      's3:AKIA:secret@bucket',
      's3:https://host/bucket/AKIA:secret@x',
    ]) {
      let message = ''
      try {
        s3Place(text)
      } catch (error) {
        message = String(error)
      }
      expect(message).toContain('has a user or a key in it')
      expect(message).not.toMatch(/se.?cr.?et|AKIA/)
    }
  })
})
