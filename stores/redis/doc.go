// Package redisstore keeps sessions, tickets and counters in Redis.
package redisstore
