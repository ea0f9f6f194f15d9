import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serve, stop } from '../cli/serve-cli.ts'
import { besideHealthyClients } from './healthy-clients.ts'
import { scriptedServer } from './scripted-server.ts'
import { tempDir } from './temp-dir.ts'

test('serves clients of a server without attackers', async () => {
  await using directory = await tempDir()
  const server = await serve(directory.path, '--writable')
  await besideHealthyClients({ url: server.url, isWritable: true }, () => Promise.resolve())
  await stop(server)
})

test('a refusal fails, and so does a server that holds its clients up', async () => {
  await using refusing = await scriptedServer((_request, response) => void response.writeHead(500).end())
  await assert.rejects(
    besideHealthyClients({ url: refusing.url }, () => Promise.resolve()),
    /a healthy client failed: GET .* was answered 500/,
  )
  let wait = 0
  await using slow = await scriptedServer((_request, response) => void setTimeout(() => response.end(), wait))
  await assert.rejects(
    besideHealthyClients({ url: slow.url }, () => {
      wait = 4000
      return Promise.resolve()
    }),
    /: \d+ ms during the attack/,
  )
})
