/**
 * Homes behind routers, as network namespaces of this machine: a street that all routers are on,
 * and behind each of them a machine. What is made here is removed again, and nothing else.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const KINDS = ['public', 'NAT', 'symmetric NAT', 'double NAT'] as const
/** Routers that lead to the host: as its owner told them, or as the host itself asks them. */
export const LEADING_KINDS = ['forwarding NAT', 'NAT-PMP', 'UPnP'] as const
export type Kind = (typeof KINDS)[number] | (typeof LEADING_KINDS)[number]

export interface Networks {
  /** Where everybody reaches whoever listens: its namespace and address. */
  street: { namespace: string; address: string }
  /** A new machine; returns its namespace. */
  machine(kind: Kind): string
  /** So many new machines in one network behind one router; returns their namespaces. */
  classroom(machines: number): string[]
  remove(): void
}

/** An address that is reserved would not do: a router that has one maps no ports. */
const STREET = '11.0.0'
/** Ports of a host, as an nft rule has them. */
const FORWARDED = '4001-4002'

/** @param name begins the names of all namespaces. @throws Error without root, `ip` and `nft` */
export function makeNetworks(name: string): Networks {
  const made: string[] = []
  const children: ChildProcess[] = []
  const folder = mkdtempSync(join(tmpdir(), 'barnraise-networks-'))
  const street = addNamespace('street')
  run('ip', '-n', street, 'link', 'add', 'br0', 'type', 'bridge')
  run('ip', '-n', street, 'address', 'add', `${STREET}.1/24`, 'dev', 'br0')
  run('ip', '-n', street, 'link', 'set', 'br0', 'up')
  let count = 1

  function addNamespace(what: string): string {
    const namespace = `${name}-${what}`
    run('ip', 'netns', 'add', namespace)
    made.push(namespace)
    run('ip', '-n', namespace, 'link', 'set', 'lo', 'up')
    return namespace
  }

  /** Puts `wan` of the namespace on the street. */
  function toStreet(namespace: string): void {
    count += 1
    const port = `port${count}`
    cable({ namespace, device: 'wan' }, { namespace: street, device: port })
    run('ip', '-n', street, 'link', 'set', port, 'master', 'br0', 'up')
    setAddress(namespace, 'wan', `${STREET}.${count}`, `${STREET}.1`)
  }

  /** Connects `lan` of a router with `wan` of what stands behind it, in a network of its own. */
  function behind(router: string, namespace: string, net: string, rule: string[]): void {
    cable({ namespace, device: 'wan' }, { namespace: router, device: 'lan' })
    openHome(router, net, rule)
    setAddress(namespace, 'wan', `${net}.2`, `${net}.1`)
  }

  /** Lets what is at `lan` of a router go out by its `wan`. */
  function openHome(router: string, net: string, rule: string[]): void {
    run('ip', '-n', router, 'address', 'add', `${net}.1/24`, 'dev', 'lan')
    run('ip', '-n', router, 'link', 'set', 'lan', 'up')
    inside(router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    inside(router, 'nft', 'add', 'table', 'ip', 'nat')
    const hook = '{ type nat hook postrouting priority 100 ; }'
    inside(router, 'nft', `add chain ip nat post ${hook}`)
    inside(router, 'nft', 'add', 'rule', 'ip', 'nat', 'post', 'oifname', 'wan', ...rule)
    shut(router)
  }

  /** Lets nobody speak to a router from outside: a home's answers to nothing there. */
  function shut(router: string): void {
    inside(router, 'nft', 'add table ip shut')
    inside(router, 'nft', 'add chain ip shut in { type filter hook input priority 0 ; }')
    inside(router, 'nft', 'add rule ip shut in iifname wan ct state established,related accept')
    inside(router, 'nft', 'add rule ip shut in iifname wan drop')
  }

  /** Starts what maps ports in routers (miniupnpd), by one of the two protocols. */
  function mapPorts(router: string, protocol: 'NAT-PMP' | 'UPnP', address: string): void {
    inside(router, 'nft', MINIUPNPD_RULES)
    const isOn = (one: string) => (one === protocol ? 'yes' : 'no')
    const settings = [
      'ext_ifname=wan',
      `ext_ip=${address}`,
      'listening_ip=lan',
      `enable_natpmp=${isOn('NAT-PMP')}`,
      `enable_upnp=${isOn('UPnP')}`,
      'uuid=00000000-0000-4000-8000-000000000001',
      'allow 1024-65535 192.168.1.0/24 1024-65535',
    ]
    const file = join(folder, router)
    writeFileSync(file, settings.join('\n'))
    // One of a machine is the usual: each needs a file for its process id of its own.
    const words = ['netns', 'exec', router, 'miniupnpd', '-d', '-f', file, '-P', `${file}.pid`]
    children.push(spawn('ip', words, { stdio: 'ignore' }))
  }

  /** Does what the owner of a router can do by hand. */
  function forward(router: string, to: string): void {
    inside(router, 'nft', 'add chain ip nat pre { type nat hook prerouting priority -100 ; }')
    const what = `iifname wan tcp dport ${FORWARDED} dnat to ${to}`
    inside(router, 'nft', `add rule ip nat pre ${what}`)
  }

  function machine(kind: Kind): string {
    const at = made.length
    const own = addNamespace(`machine${at}`)
    if (kind === 'public') {
      toStreet(own)
      return own
    }
    const router = addNamespace(`router${at}`)
    toStreet(router)
    if (kind !== 'double NAT') {
      // A symmetric one gives every connection a port that nobody can guess.
      const rule = kind === 'symmetric NAT' ? ['masquerade', 'fully-random'] : ['masquerade']
      behind(router, own, '192.168.1', rule)
      if (kind === 'forwarding NAT') forward(router, '192.168.1.2')
      if (kind === 'NAT-PMP' || kind === 'UPnP') mapPorts(router, kind, `${STREET}.${count}`)
      return own
    }
    const inner = addNamespace(`inner${at}`)
    behind(router, inner, '192.168.1', ['masquerade'])
    behind(inner, own, '192.168.2', ['masquerade'])
    return own
  }

  function classroom(machines: number): string[] {
    const router = addNamespace('school')
    toStreet(router)
    run('ip', '-n', router, 'link', 'add', 'lan', 'type', 'bridge')
    const all = Array.from({ length: machines }, (_, at) => {
      const own = addNamespace(`desk${at}`)
      const port = `desk${at}`
      cable({ namespace: own, device: 'wan' }, { namespace: router, device: port })
      run('ip', '-n', router, 'link', 'set', port, 'master', 'lan', 'up')
      setAddress(own, 'wan', `192.168.1.${at + 2}`, '192.168.1.1')
      return own
    })
    openHome(router, '192.168.1', ['masquerade'])
    return all
  }

  return {
    street: { namespace: street, address: `${STREET}.1` },
    machine,
    classroom,
    remove: () => {
      for (const child of children) child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
      for (const namespace of made.splice(0).reverse()) run('ip', 'netns', 'delete', namespace)
    },
  }
}

/** The chains that miniupnpd writes its rules to, and those that lead there. */
const MINIUPNPD_RULES = `
  add table inet filter
  add chain inet filter miniupnpd
  add chain inet filter prerouting_miniupnpd
  add chain inet filter postrouting_miniupnpd
  add chain inet filter forward { type filter hook forward priority 0 ; }
  add rule inet filter forward jump miniupnpd
  add chain inet filter pre { type nat hook prerouting priority -100 ; }
  add rule inet filter pre jump prerouting_miniupnpd`

interface Plug {
  namespace: string
  device: string
}

function cable(one: Plug, other: Plug): void {
  const ends = ['type', 'veth', 'peer', other.device, 'netns', other.namespace]
  run('ip', 'link', 'add', one.device, 'netns', one.namespace, ...ends)
}

function setAddress(namespace: string, device: string, address: string, gateway: string): void {
  run('ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', device)
  run('ip', '-n', namespace, 'link', 'set', device, 'up')
  run('ip', '-n', namespace, 'route', 'add', 'default', 'via', gateway)
}

const inside = (namespace: string, ...command: string[]): void =>
  run('ip', 'netns', 'exec', namespace, ...command)

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
