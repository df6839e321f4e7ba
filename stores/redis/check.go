package redisstore

import (
	"context"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/health"
)

// Check implements [health.Checker].
func (s *Store) Check(ctx context.Context, now time.Time) []health.Finding {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return []health.Finding{{Check: "redis", Level: health.Fault, Detail: outage(ctx, "ping", err).Error(), Fix: "start Redis, or correct its address"}}
	}
	return nil
}
