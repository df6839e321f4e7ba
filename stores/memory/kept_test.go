package memory_test

import (
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestSuiteOutbox(t *testing.T) {
	authtest.TestOutboxStore(t, func(*testing.T) outbox.Store { return memory.NewOutbox() })
}

func TestSuiteAudit(t *testing.T) {
	authtest.TestAuditStore(t, func(*testing.T) audit.Store { return memory.NewAudit() })
}
