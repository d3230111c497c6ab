/** Who is signed in, and what that allows. The login itself is a cookie that scripts cannot read. */
import { getMe, login, logout, type Me, type Role } from '~/api'

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 }

const me = shallowRef<Me | null>(null)
const expired = ref(false)

whenExpired(() => {
  if (me.value) expired.value = true
})

async function load(): Promise<void> {
  me.value = await ask(getMe())
}

async function signIn(name: string, password: string): Promise<void> {
  await ask(login({ body: { name, password, cookie: true } }))
  await load()
  expired.value = false
}

async function signOut(): Promise<void> {
  await ask(logout()).catch(() => undefined)
  me.value = null
  useLive().disconnectLive()
}

export function useSession() {
  const role = computed(() => me.value?.role ?? 'viewer')
  const can = (least: Role) => RANK[role.value] >= RANK[least]
  return { me: readonly(me), role, can, expired, load, signIn, signOut }
}
