package auth

// Path returns where path, such as "/oauth/github/callback", is served if it is, with
// or without a page: [Options.Prefix] in front of it.
func (m *Manager) Path(path string) string { return m.prefix + path }
