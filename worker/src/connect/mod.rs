mod race;
