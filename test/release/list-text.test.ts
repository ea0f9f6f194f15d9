import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { decodeList, maxListBytes } from '../../src/release/list-text.ts'

const utf8 = (text: string): Uint8Array => Buffer.from(text)

function refused(bytes: Uint8Array, why: RegExp): void {
  assert.throws(
    () => decodeList(bytes, 'list.txt'),
    (error: Error & { code: string }) => {
      assert.equal(error.code, 'INVALID_LIST')
      assert.match(error.message, /^list\.txt: /)
      assert.match(error.message, why)
      return true
    },
  )
}

test('plain text is passed on without its byte order mark', () => {
  assert.equal(decodeList(utf8('alpine\n'), 'x'), 'alpine\n')
  assert.equal(decodeList(utf8('\uFEFFalpine\r\n'), 'x'), 'alpine\r\n')
  assert.equal(decodeList(utf8('[::1]:5000/a:1\n'), 'x'), '[::1]:5000/a:1\n')
})

test('web pages, XML and JSON are named as such', () => {
  refused(utf8('<!DOCTYPE html><title>Sign in</title>'), /this is a web page, not an image list/)
  refused(utf8('\uFEFF\r\n  <HTML>'), /this is a web page, not an image list/)
  refused(utf8('<?xml version="1.0"?><Error/>'), /XML document, not an image list/)
  refused(utf8('{"message":"Not Found"}'), /JSON document, not an image list/)
  refused(utf8('[\n "alpine"]'), /JSON document, not an image list/)
})

test('gzip, zstd, UTF-16 and other binary files are named as such', () => {
  refused(gzipSync('alpine\n'), /gzip file, not an image list/)
  refused(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x04), /zstd file, not an image list/)
  refused(Buffer.from('\uFEFFalpine\n', 'utf16le'), /UTF-16/)
  refused(Uint8Array.of(0x61, 0x00), /binary file, not an image list/)
  refused(Uint8Array.of(0x61, 0xff, 0x0a), /binary file/)
})

test('a list is at most 10 MiB', () => {
  const most = new Uint8Array(maxListBytes).fill(0x20)
  assert.equal(decodeList(most, 'x').length, maxListBytes)
  refused(new Uint8Array(maxListBytes + 1).fill(0x20), /larger than 10 MiB/)
})
