package bench_test
import ("testing";"os";"fmt";"strconv";"github.com/gatehouse-go/gatehouse/bench")
func TestGrowFeas(t *testing.T) {
	n,_:=strconv.Atoi(os.Getenv("N")); if n==0 {n=100000}
	for _, name := range []string{"postgres"} {
		var bs []*bench.Backend
		for range 2 {
		var b *bench.Backend; var err error
		if name=="sqlite" { b,err=bench.SQLite(t.TempDir()) } else { b,err=bench.Postgres(os.Getenv("GATEHOUSE_TEST_POSTGRES")) }
		if err!=nil {t.Fatal(err)}
		defer func(){ if err:=b.Close();err!=nil{t.Error(err)}}()
		bs=append(bs,b)
		}
		g,err:=bench.MeasureGrowth(bs[0],bs[1],n,7)
		fmt.Printf("%s %+v %v\n",name,g,err)
	}
}
