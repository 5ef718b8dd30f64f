"""What two or more stages of Fashion-Price-Informant share. Nothing here imports a stage."""
