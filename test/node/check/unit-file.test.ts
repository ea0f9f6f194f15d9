import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseEnvironmentFile, parseOpenRc, parseUnit } from '../../../src/node/check/unit-file.ts'

test('reads ExecStart as the install script writes it', () => {
  const unit =
    "[Service]\nEnvironmentFile=-/etc/default/%N\nEnvironmentFile=-/etc/systemd/system/k3s.service.env\nExecStart=/usr/local/bin/k3s \\\n    server \\\n\t'--data-dir' \\\n\t'/data/with space' \\\n\n"
  const { args, environmentFiles } = parseUnit([unit], 'k3s')
  assert.deepEqual(args, ['server', '--data-dir', '/data/with space'])
  assert.deepEqual(environmentFiles, ['/etc/default/k3s', '/etc/systemd/system/k3s.service.env'])
})

test('applies drop-ins in order, which can reset a list', () => {
  const dropIn = '[Service]\nEnvironment="HTTPS_PROXY=http://a b" NO_PROXY=x\nExecStart=\nExecStart=/bin/k3s agent\nEnvironmentFile=\n'
  const { args, environment, environmentFiles } = parseUnit(['[Service]\nEnvironmentFile=/a\nExecStart=/bin/k3s server\n', dropIn], 'k3s')
  assert.deepEqual([args, environmentFiles], [['agent'], []])
  assert.deepEqual(
    [...environment],
    [
      ['HTTPS_PROXY', 'http://a b'],
      ['NO_PROXY', 'x'],
    ],
  )
})

test('reads environment files of systemd and of shells', () => {
  const text = `# comment\n; comment\nA='it'"'"'s'\nB="two \\"words\\""\nexport C=plain text \nD=\nnot a variable\nE=one\\\ntwo\n`
  assert.deepEqual(Object.fromEntries(parseEnvironmentFile(text)), { A: "it's", B: 'two "words"', C: 'plain text', D: '', E: 'onetwo' })
})

test('reads the service script of OpenRC', () => {
  const text = `#!/sbin/openrc-run\ncommand_args="server '--data-dir=/data' \n    >>/var/log/k3s.log 2>&1"\nif [ -f /etc/environment ]; then . /etc/environment; fi\nif [ -f /etc/rancher/k3s/k3s.env ]; then . /etc/rancher/k3s/k3s.env; fi\n`
  assert.deepEqual(parseOpenRc(text), {
    args: ['server', '--data-dir=/data'],
    environment: new Map(),
    environmentFiles: ['/etc/environment', '/etc/rancher/k3s/k3s.env'],
  })
})

test('reads any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      parseEnvironmentFile(text)
      parseUnit([text, `ExecStart=${text}`], 'k3s')
      parseOpenRc(`command_args="${text}"`)
    }),
  )
})
