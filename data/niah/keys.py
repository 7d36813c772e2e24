"""Names that keyed needles use, as in "The secret number of Ana is 4821"."""

KEYS = tuple(
    "Ana Ben Carla David Elena Felix Greta Hugo Irene Jonas Karin Leo Maria Nils Olga Paul "
    "Quinn Rosa Simon Tara Uwe Vera Walter Xenia Yusuf Zoe Anton Bella Clara Dario Emma Frank "
    "Gina Henry Ivan Julia Kira Lukas Mona Nora Otto Petra Ralf Sara Tom Ulla Victor Wendy "
    "Adam Bruno Cora Doris Emil Fiona Georg Helen Ingo Jana Kurt Laura Marco Nina Oscar Pia".split()
)
