package main

import (
	"encoding/base64"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// tiles reads the tiles of a log for sumdb/tlog, whose names have the height of a tile, and whose partial tiles carry
// their width, where those of C2SP tlog-tiles are the same but for the height.
type tiles struct{ dir string }

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		raw, err := os.ReadFile(filepath.Join(t.dir, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		found = append(found, raw)
	}
	return found, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// proofs checks the root over the tiles, that the first, the middle and the last leaf are included, and that every
// size up to 300, and some above, is a prefix.
func proofs(dir string, size int64, root string) {
	raw, err := base64.StdEncoding.DecodeString(root)
	must(err)
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], raw)
	reader := tlog.TileHashReader(tree, tiles{dir})
	found, err := tlog.TreeHash(size, reader)
	if err != nil || found != tree.Hash {
		log.Fatalf("tree: root %v, %v", found, err)
	}
	for _, index := range []int64{0, size / 2, size - 1} {
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		must(err)
		proof, err := tlog.ProveRecord(size, index, reader)
		must(err)
		if err := tlog.CheckRecord(proof, size, tree.Hash, index, hashes[0]); err != nil {
			log.Fatalf("leaf %d: %v", index, err)
		}
	}
	for old := int64(1); old <= size; old += 1 + old/300*97 {
		before, err := tlog.TreeHash(old, reader)
		must(err)
		proof, err := tlog.ProveTree(size, old, reader)
		must(err)
		if err := tlog.CheckTree(proof, size, tree.Hash, old, before); err != nil {
			log.Fatalf("prefix %d: %v", old, err)
		}
	}
	fmt.Printf("tlog: %d leaves, root %s\n", size, root)
}
