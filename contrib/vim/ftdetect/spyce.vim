" Spyce pages, by their endings.
autocmd BufRead,BufNewFile *.spy,*.spi setfiletype spyce
