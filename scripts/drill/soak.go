package main

func soakMain([]string) int { return 0 }
