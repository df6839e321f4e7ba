package auth

// InRealm lets the suites of authtest see the store of a realm.
var InRealm = inRealm

// Sweep does once what [Manager.Run] does every minute.
var Sweep = (*Manager).sweep

// LimitsOf returns the limits of m, with their defaults.
func LimitsOf(m *Manager) Limits { return m.opts.Limits }
