import { describe, expect, it } from 'vitest'
import { nodeChanges, nodeFaults, nodeForm } from '~/utils/nodeForm'
import { purged } from '~/utils/nodes'

const facts = { region: 'fra', tags: ['ssd'], environment: '', address: '203.0.113.7', slots: 0 }
const capacity = { slots: 4, cpus: 1, memory_mb: 1, disk_mb: 1, ports: 1 }
const node = { name: 'oak', region: 'ber', tags: ['ssd'], environment: '', address: '203.0.113.7', capacity, facts }

describe('what people decide about a node', () => {
  it('is sent as null where it is what the machine says anyway', () => {
    expect(nodeChanges(node, { region: 'fra', slots: 0, tags: ['hdd'] })).toEqual({ region: null, slots: null, tags: ['hdd'] })
    expect(nodeChanges(node, { name: 'elm' })).toEqual({ name: 'elm' })
  })

  it('is checked before it is sent', () => {
    expect(nodeFaults(nodeForm(node))).toEqual([])
    expect(nodeFaults({ ...nodeForm(node), name: 'Oak!', tags: ['x'.repeat(65)] })).toEqual(['name', 'tags'])
  })
})

describe('clearing a cache', () => {
  const cached = (template_id: string, version: string, in_use = false) => ({ template_id, version, bytes: 10, files: 1, fetched_at: '', in_use })
  const contents = [cached('base', '1', true), cached('base', '2'), cached('map', '1')]

  it('says what it frees, and what stays for as long as it is used', () => {
    expect(purged(contents, '', '')).toEqual({ bytes: 20, count: 2, kept: 1 })
    expect(purged(contents, 'base', '')).toEqual({ bytes: 10, count: 1, kept: 1 })
    expect(purged(contents, 'base', '1')).toEqual({ bytes: 0, count: 0, kept: 1 })
  })
})
