module github.com/gatehouse-go/gatehouse/contrib/mail

go 1.26.0

require (
	github.com/gatehouse-go/gatehouse v0.1.0
	github.com/wneessen/go-mail v0.8.1
)

require (
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/gatehouse-go/gatehouse => ../..
