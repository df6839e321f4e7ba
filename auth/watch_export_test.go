package auth

// Watching returns how many watches there are, and by how many sessions and users
// they can be found.
func (m *Manager) Watching() (all, sessions, users int) {
	m.watchers.mu.Lock()
	defer m.watchers.mu.Unlock()
	return int(m.watchers.n.Load()), len(m.watchers.sessions), len(m.watchers.users)
}
