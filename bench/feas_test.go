package bench_test
import ("testing";"os";"time";"fmt";"github.com/gatehouse-go/gatehouse/bench")
func TestFeas(t *testing.T) {
	for _, n := range []string{"postgres"} {
		var b *bench.Backend; var err error
		if n=="sqlite" { b,err=bench.SQLite(t.TempDir()) } else { b,err=bench.Postgres(os.Getenv("GATEHOUSE_TEST_POSTGRES")) }
		if err!=nil {t.Fatal(err)}
		defer func(){ if err:=b.Close();err!=nil{t.Error(err)}}()
		st:=time.Now()
		sites,mapped,err:=b.Sites()
		if err!=nil {t.Fatal(err)}
		fmt.Println(b.Name,"filled in",time.Since(st))
		for _,s:=range append(append([]*bench.Site{},sites...),mapped...) { if err:=bench.Check(s);err!=nil{t.Fatal(err)} }
		for i,ss:=range [][]*bench.Site{sites,mapped} {
			for _,row:=range bench.StoreRows([]string{"db","map"}[i],ss) {
				for _,r:=range bench.Measure(5,150*time.Millisecond,row.Ops...) {
					fmt.Printf("%-22s %-22s wall %10v cpu %10v  xfloor %.2f/%.2f  xours wall %.2f cpu %.2f  allocs %.0f %.0f\n",row.Name,r.Op.Name,r.Cost.Wall,r.Cost.CPU,r.WallRatio,r.CPURatio,r.WallSlower,r.CPUSlower,r.Cost.Allocs,r.Cost.Bytes)
				}
			}
		}
	}
}
