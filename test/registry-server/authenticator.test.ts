import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { Authenticator } from '../../src/registry-server/authenticator.ts'

const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const right = 'correct horse: battery é'
const cheap = new Map([['ann', hashSync(right, 4)]])

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

test('the right password names its user; everything else is refused', async () => {
  const authenticator = new Authenticator(cheap)
  assert.deepEqual(await authenticator.login(basic('ann', right)), { user: 'ann' })
  assert.deepEqual(await authenticator.login(basic('ann', right).replace('Basic', 'bAsIc')), { user: 'ann' })
  const wrong = [
    undefined,
    '',
    'Basic',
    'Basic !',
    `Bearer ${right}`,
    basic('ann', 'x'),
    basic('bob', right),
    basic('', ''),
    `Basic ${btoa('ann')}`,
  ]
  for (const header of wrong) assert.equal(await authenticator.login(header), 'refused', header)
})

test('passwords under every bcrypt prefix are taken', async () => {
  for (const prefix of ['$2a$', '$2b$', '$2y$']) {
    const authenticator = new Authenticator(new Map([['ann', hashSync(right, 4).replace(/^\$2.\$/, prefix)]]))
    assert.deepEqual(await authenticator.login(basic('ann', right)), { user: 'ann' })
  }
})

test('many requests with one header cost one comparison, right or wrong', async () => {
  const authenticator = new Authenticator(new Map([['ann', hashSync(right, 10)]]))
  for (const header of [basic('ann', right), basic('ann', 'wrong')]) {
    const once = await milliseconds(() => authenticator.login(header))
    const again = await milliseconds(() => Promise.all(Array.from({ length: 500 }, () => authenticator.login(header))))
    assert.ok(again < once, `${again} ms for 500, ${once} ms for the first`)
  }
  const all = await Promise.all(Array.from({ length: 500 }, () => new Authenticator(cheap)).map((fresh) => fresh.login(undefined)))
  assert.ok(all.every((login) => login === 'refused'))
  const burst = new Authenticator(cheap)
  const logins = await Promise.all(Array.from({ length: 500 }, () => burst.login(basic('ann', right))))
  assert.ok(logins.every((login) => typeof login === 'object'))
})

test('a user that is unknown costs a comparison too', async () => {
  const authenticator = new Authenticator(new Map([['ann', hashSync(right, 10)]]))
  await authenticator.login(basic('ann', 'warm up'))
  const known = await milliseconds(() => authenticator.login(basic('ann', 'wrong')))
  const unknown = await milliseconds(() => authenticator.login(basic('eve', 'wrong')))
  assert.ok(unknown > known / 4, `${unknown} ms for an unknown user, ${known} ms for a known one`)
})

test('a flood of different credentials is put off and not queued without end', async () => {
  const authenticator = new Authenticator(cheap)
  const logins = await Promise.all(Array.from({ length: 100 }, (_, at) => authenticator.login(basic('ann', `guess ${at}`))))
  assert.ok(logins.filter((login) => login === 'busy').length >= 60)
  assert.deepEqual(await authenticator.login(basic('ann', right)), { user: 'ann' })
})

test('other users take the place of those so far, remembered answers included', async () => {
  const authenticator = new Authenticator(cheap)
  await authenticator.login(basic('ann', right))
  assert.equal(await authenticator.login(basic('bob', right)), 'refused')
  const under = authenticator.login(basic('ann', right))
  authenticator.replace(new Map([['bob', hashSync(right, 4)]]))
  await under
  assert.equal(await authenticator.login(basic('ann', right)), 'refused')
  assert.deepEqual(await authenticator.login(basic('bob', right)), { user: 'bob' })
})
