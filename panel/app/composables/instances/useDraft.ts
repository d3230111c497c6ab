/** The instance somebody is putting together, and what the Brain says of it before it exists. */
import { createInstance, previewInstance, type CreateInstance, type InstanceOut, type PreviewInstance, type PreviewOut } from '~/api'

export interface DraftLayer {
  id: string
  /** Empty: the newest one, locked when the instance is created. */
  version: string
}

export interface Draft {
  name: string
  layers: DraftLayer[]
  game: string
  variables: Record<string, string>
  ports: Record<string, number | undefined>
  memory_mb?: number
  cpus?: number
  disk_mb?: number
  region: string
  tags: string[]
  node: string
  environment: string
  dev: boolean
  autostart: boolean
}

const NAME = /^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$/

export function emptyDraft(): Draft {
  return { name: '', layers: [], game: '', variables: {}, ports: {}, region: '', tags: [], node: '', environment: '', dev: false, autostart: true }
}

/** What is sent: empty fields mean "not given". */
export function draftBody(draft: Draft): CreateInstance {
  const { name, layers, game, variables, ports, memory_mb, cpus, disk_mb, region, tags, node, environment, dev, autostart } = draft
  return {
    name,
    layers: layers.map(layer => (layer.version ? `${layer.id}@${layer.version}` : layer.id)),
    game: game || null,
    variables: Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== '')),
    ports: Object.fromEntries(Object.entries(ports).filter((entry): entry is [string, number] => !!entry[1])),
    memory_mb: memory_mb ?? null,
    cpus: cpus ?? null,
    disk_mb: disk_mb ?? null,
    region: region || null,
    tags,
    node: node || null,
    environment: environment || null,
    dev,
    autostart,
  }
}

/** The same without what only a creation takes. */
export function previewBody(draft: Draft): PreviewInstance {
  const { name: _name, environment: _environment, autostart: _autostart, metadata: _metadata, ...body } = draftBody(draft)
  return body
}

export function useDraft() {
  const draft = reactive(emptyDraft())
  const preview = shallowRef<PreviewOut | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const looking = ref(false)
  let asked = 0
  /** The same creation sent twice, after a lost answer, makes one instance. */
  let key = newKey()

  async function look(): Promise<void> {
    const turn = ++asked
    const body = previewBody(draft)
    if (!body.layers.length) return void (preview.value = null)
    looking.value = true
    try {
      const answer = await ask(previewInstance({ body }))
      if (turn !== asked) return
      preview.value = answer
      problem.value = null
    } catch (error) {
      if (turn === asked) problem.value = problemOf(error)
    } finally {
      if (turn === asked) looking.value = false
    }
  }

  watchDebounced(draft, () => void look(), { debounce: 350, deep: true })
  watch(draft, () => (key = newKey()), { deep: true })

  const nameWrong = computed(() => draft.name !== '' && !NAME.test(draft.name))
  /** Variables that must be given and are not. */
  const missing = computed(() => preview.value?.missing.filter(name => !draft.variables[name]) ?? [])
  const ready = computed(() => NAME.test(draft.name) && draft.layers.length > 0 && missing.value.length === 0)

  async function create(): Promise<InstanceOut> {
    return await ask(createInstance({ body: draftBody(draft), headers: { 'Idempotency-Key': key } }))
  }

  return { draft, preview, problem, looking, nameWrong, missing, ready, look, create }
}

function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')
}
