// Package casbinauthz lets Casbin decide (github.com/casbin/casbin/v3).
package casbinauthz
