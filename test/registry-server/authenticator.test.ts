import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { Authenticator } from '../../src/registry-server/authenticator.ts'

const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const right = 'correct horse: battery é'
const cheap = new Map([['ann', hashSync(right, 4)]])
const client = { address: '127.0.0.1', isGone: () => false }

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

test('accepts the right password and refuses everything else', async () => {
  using authenticator = new Authenticator(cheap)
  assert.deepEqual(await authenticator.login(basic('ann', right), client), { user: 'ann' })
  assert.deepEqual(await authenticator.login(basic('ann', right).replace('Basic', 'bAsIc'), client), { user: 'ann' })
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
  for (const header of wrong) assert.equal(await authenticator.login(header, client), 'refused', header)
})

test('accepts every bcrypt prefix', async () => {
  const hash = cheap.get('ann') ?? ''
  const prefixes = ['$2a$', '$2b$', '$2y$']
  using authenticator = new Authenticator(new Map(prefixes.map((prefix) => [prefix, hash.replace(/^\$2.\$/, prefix)])))
  for (const user of prefixes) assert.deepEqual(await authenticator.login(basic(user, right), client), { user })
})

test('compares the password of one header once, right or wrong', async () => {
  using authenticator = new Authenticator(new Map([['ann', hashSync(right, 10)]]))
  for (const header of [basic('ann', right), basic('ann', 'wrong')]) {
    const once = await milliseconds(() => authenticator.login(header, client))
    const again = await milliseconds(() => Promise.all(Array.from({ length: 500 }, () => authenticator.login(header, client))))
    assert.ok(again < 100 * once, `${again} ms for 500, ${once} ms for the first`)
  }
  const all = await Promise.all(Array.from({ length: 500 }, () => new Authenticator(cheap)).map((fresh) => fresh.login(undefined, client)))
  assert.ok(all.every((login) => login === 'refused'))
  using burst = new Authenticator(cheap)
  const logins = await Promise.all(Array.from({ length: 500 }, () => burst.login(basic('ann', right), client)))
  assert.ok(logins.every((login) => typeof login === 'object'))
})

test('compares a password for an unknown user too', async () => {
  using authenticator = new Authenticator(new Map([['ann', hashSync(right, 10)]]))
  let known = Infinity
  for (let guess = 0; guess < 5; guess++)
    known = Math.min(known, await milliseconds(() => authenticator.login(basic('ann', `wrong ${guess}`), client)))
  const unknown = await milliseconds(() => authenticator.login(basic('eve', 'wrong'), client))
  assert.ok(unknown > known / 4, `${unknown} ms for an unknown user, ${known} ms for a known one`)
})

test('a flood from one address delays neither other addresses nor other user names at the same address', async () => {
  using authenticator = new Authenticator(cheap)
  let answered = 0
  let busy = 0
  const flood = Array.from({ length: 1500 }, async (_, at) => {
    const login = await authenticator.login(basic('eve', `guess ${at}`), client)
    answered += Number(login === 'refused')
    busy += Number(login === 'busy')
  })
  const ann = async (address: string, password: string): Promise<number> => {
    await authenticator.login(basic('ann', password), { ...client, address })
    return answered
  }
  assert.deepEqual(
    await Promise.all([ann('192.0.2.1', right), ann(client.address, `${right}!`)]).then((seen) => seen.map((count) => count < 5)),
    [true, true],
  )
  await Promise.all(flood)
  assert.ok(busy > 400, `${busy} of 1500 were put off`)
})

test('addresses of one IPv6 site share one turn', async () => {
  using authenticator = new Authenticator(cheap)
  const order: string[] = []
  const login = async (address: string, at: number): Promise<void> => {
    await authenticator.login(basic(`user ${at}`, 'wrong'), { ...client, address })
    order.push(address)
  }
  const flood = Array.from({ length: 20 }, (_, at) => `2001:db8:0:1::${at + 1}`)
  await Promise.all([...flood, '2001:db8:0:2::1', '2001:db8::1', '::ffff:192.0.2.1'].map(login))
  assert.deepEqual(new Set(order.slice(2, 5)), new Set(['2001:db8:0:2::1', '2001:db8::1', '::ffff:192.0.2.1']))
})

test('skips the credentials of a client that left, unless another client waits for them', async () => {
  using authenticator = new Authenticator(cheap)
  const gone = { ...client, isGone: () => true }
  const first = authenticator.login(basic('eve', 'x'), client)
  const left = authenticator.login(basic('ann', 'y'), gone)
  const shared = authenticator.login(basic('ann', right), gone)
  const waiting = authenticator.login(basic('ann', right), client)
  assert.deepEqual(await Promise.all([first, left, shared, waiting]), ['refused', 'busy', { user: 'ann' }, { user: 'ann' }])
})

test('answers other requests while it compares a password', async () => {
  using authenticator = new Authenticator(new Map([['ann', hashSync(right, 10)]]))
  let turns = 0
  const login = authenticator.login(basic('ann', 'wrong'), client)
  const isDone = login.then(() => true)
  while (!(await Promise.race([isDone, new Promise<false>((resolve) => setImmediate(resolve, false))]))) turns++
  assert.ok(turns > 20, `${turns} turns of the event loop`)
})

test('replaces the users and forgets remembered results', async () => {
  using authenticator = new Authenticator(cheap)
  await authenticator.login(basic('ann', right), client)
  assert.equal(await authenticator.login(basic('bob', right), client), 'refused')
  const under = authenticator.login(basic('ann', right), client)
  authenticator.replace(new Map([['bob', hashSync(right, 4)]]))
  await under
  assert.equal(await authenticator.login(basic('ann', right), client), 'refused')
  assert.deepEqual(await authenticator.login(basic('bob', right), client), { user: 'bob' })
})

test('does not compare a user again whose hash did not change', async () => {
  const hash = hashSync(right, 10)
  using authenticator = new Authenticator(new Map([['ann', hash]]))
  const first = await milliseconds(() => authenticator.login(basic('ann', right), client))
  let again = Infinity
  for (const other of ['bob', 'eve', 'joe']) {
    authenticator.replace(
      new Map([
        ['ann', hash],
        [other, hash],
      ]),
    )
    again = Math.min(again, await milliseconds(() => authenticator.login(basic('ann', right), client)))
  }
  assert.ok(again < first / 4, `${again} ms, ${first} ms for a comparison`)
})

test('a flood of unknown names does not lock out users', async () => {
  using authenticator = new Authenticator(cheap)
  const strangers = Array.from({ length: 2000 }, (_, at) => authenticator.login(basic(`stranger${at}`, 'x'), client))
  let answered = 0
  for (const login of strangers) void login.then((answer) => answer === 'busy' || answered++)
  assert.deepEqual(await authenticator.login(basic('ann', right), client), { user: 'ann' })
  assert.ok(answered < 10, `${answered} were compared before`)
  assert.ok((await Promise.all(strangers)).includes('busy'))
})
